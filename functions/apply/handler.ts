import { createHandler } from '../create-handler.ts';
import { apply } from './apply.ts';

export const handler = createHandler(process.env, apply);
