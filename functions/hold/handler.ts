import { createHandler } from '../create-handler.ts';
import { forEachCreated } from '../for-each-created.ts';
import { openRetention } from '../openers/retention.ts';
import { hold } from './hold.ts';

export const handler = createHandler(process.env, { retention: openRetention }, forEachCreated(hold));
