import { z } from 'zod';
import { createHandler } from '../create-handler.ts';
import { signal } from './signal.ts';

/** "Object Created", as EventBridge brings it from S3. */
const eventSchema = z.object({ detail: z.object({ object: z.object({ key: z.string().max(1024) }) }) });

export const handler = createHandler(process.env, (dependencies, event) =>
  signal(dependencies, eventSchema.parse(event).detail.object.key),
);
