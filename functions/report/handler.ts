import { createHandler } from '../create-handler.ts';
import { report } from './report.ts';

export const handler = createHandler(process.env, report);
