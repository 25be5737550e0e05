import middy from '@middy/core';
import { z } from 'zod';
import { openDependencies } from '../open-dependencies.ts';
import { signal } from './signal.ts';

/** "Object Created", as EventBridge brings it from S3. */
const eventSchema = z.object({ detail: z.object({ object: z.object({ key: z.string().max(1024) }) }) });

const dependencies = openDependencies(process.env);

export const handler = middy().handler(async (event: unknown) => {
  await signal(await dependencies, eventSchema.parse(event).detail.object.key);
});
