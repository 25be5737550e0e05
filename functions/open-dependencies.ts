import type { Dependencies, Log } from './dependencies.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Makes one of the things that a function stands on; throws InvalidDocument where the environment does not say from what. */
export type Opener<T> = (environment: Environment, log: Log) => Promise<T>;

export type Openers<D> = { readonly [K in keyof D]: Opener<D[K]> };

/** What was asked for, and what every function has. */
export type Opened<D> = D & Pick<Dependencies, 'now' | 'log'>;

/** What a handler's environment says its function stands on; once per cold start. */
export async function openDependencies<D>(environment: Environment, openers: Openers<D>, log: Log): Promise<Opened<D>> {
  const named = Object.entries(openers) as [string, Opener<unknown>][];
  const opened = await Promise.all(named.map(async ([name, open]) => [name, await open(environment, log)]));
  return { ...(Object.fromEntries(opened) as D), now: () => new Date(), log };
}
