import middy from '@middy/core';
import { type Environment, type Opened, type Openers, openDependencies } from './open-dependencies.ts';
import { openTelemetry } from './telemetry.ts';

/**
 * A Lambda handler around a function. Its dependencies, and no others, are opened at its first call and kept; a failure
 * to open them is not. Errors pass through as they are: the workflow catches them by name.
 */
export function createHandler<D, R>(
  environment: Environment,
  openers: Openers<D>,
  run: (dependencies: Opened<NoInfer<D>>, event: unknown) => Promise<R>,
) {
  const { log, middlewares } = openTelemetry();
  let opened: Promise<Opened<D>> | undefined;
  return middy()
    .use([...middlewares])
    .handler(async (event: unknown): Promise<R> => {
      opened ??= openDependencies(environment, openers, log).catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
      return run(await opened, event);
    });
}
