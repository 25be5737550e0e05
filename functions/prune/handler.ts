import { createHandler } from '../create-handler.ts';
import { prune } from './prune.ts';

export const handler = createHandler(process.env, prune);
