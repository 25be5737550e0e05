import { createHandler } from '../create-handler.ts';
import { forEachCreated } from '../for-each-created.ts';
import { openExecutions } from '../openers/executions.ts';
import { openStore } from '../openers/store.ts';
import { start } from './start.ts';

export const handler = createHandler(
  process.env,
  { store: openStore, executions: openExecutions },
  forEachCreated(start),
);
