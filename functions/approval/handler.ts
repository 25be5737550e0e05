import middy from '@middy/core';
import { openDependencies } from '../open-dependencies.ts';
import { approval } from './approval.ts';

const dependencies = openDependencies(process.env);

/** Errors pass through as they are: the workflow catches them by name. */
export const handler = middy().handler(async (event: unknown) => approval(await dependencies, event));
