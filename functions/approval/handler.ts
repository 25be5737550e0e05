import { createHandler } from '../create-handler.ts';
import { approval } from './approval.ts';

export const handler = createHandler(process.env, approval);
