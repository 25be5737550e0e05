import middy from '@middy/core';
import { openDependencies } from '../open-dependencies.ts';
import { plan } from './plan.ts';

const dependencies = openDependencies(process.env);

/** Errors pass through as they are: the workflow catches them by name. */
export const handler = middy().handler(async (event: unknown) => plan(await dependencies, event));
