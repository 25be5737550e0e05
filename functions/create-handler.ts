import middy from '@middy/core';
import type { Dependencies } from './dependencies.ts';
import { type Environment, openDependencies } from './open-dependencies.ts';

/**
 * A Lambda handler around a function. The dependencies are opened at its first call and kept; a failure to open them
 * is not. Errors pass through as they are: the workflow catches them by name.
 */
export function createHandler<R>(
  environment: Environment,
  run: (dependencies: Dependencies, event: unknown) => Promise<R>,
) {
  let opened: Promise<Dependencies> | undefined;
  return middy().handler(async (event: unknown): Promise<R> => {
    opened ??= openDependencies(environment).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return run(await opened, event);
  });
}
