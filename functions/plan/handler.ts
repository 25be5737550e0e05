import { createHandler } from '../create-handler.ts';
import { plan } from './plan.ts';

export const handler = createHandler(process.env, plan);
