import { createHandler } from '../create-handler.ts';
import { openStore } from '../openers/store.ts';
import { prune } from './prune.ts';

export const handler = createHandler(process.env, { store: openStore }, prune);
