import { createHandler } from '../create-handler.ts';
import { inventory } from './inventory.ts';

export const handler = createHandler(process.env, inventory);
