import { isIPv6 } from 'node:net';
import { createMiddleware } from 'hono/factory';
import { problemJson } from '../api/problem.ts';
import { Budget, type Limit } from './budget.ts';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from './console-parts.ts';
import { problemPage } from './pages/problem.ts';

export interface RateLimits {
  /** Per address: sign-ins, and requests of nobody who is known. A whole office may come from one. */
  readonly strangers: Limit;
  /** Per person, in all his browsers. */
  readonly reads: Limit;
  readonly changes: Limit;
}

/** Far above what people do: fifty browsers that ask every three seconds make a thousand reads a minute. */
export const RATE_LIMITS: RateLimits = {
  strangers: { points: 600, seconds: 60 },
  reads: { points: 3000, seconds: 60 },
  changes: { points: 120, seconds: 60 },
};

/** A brake on programs that ask without end. Of one process each: nothing but the load rests on it. */
export class RateLimiter {
  readonly #strangers: Budget;
  readonly #reads: Budget;
  readonly #changes: Budget;
  readonly #parts: Pick<ConsoleParts, 'addressOf' | 'signIn'>;

  constructor(parts: Pick<ConsoleParts, 'addressOf' | 'rateLimits' | 'signIn'>) {
    const { changes, reads, strangers } = parts.rateLimits ?? RATE_LIMITS;
    this.#strangers = new Budget(strangers);
    this.#reads = new Budget(reads);
    this.#changes = new Budget(changes);
    this.#parts = parts;
  }

  /** Where sessions begin. */
  signIns() {
    return createMiddleware<ConsoleEnvironment>(async (context, next) => {
      const refused = await this.refuseStranger(context);
      if (refused === undefined) await next();
      return refused;
    });
  }

  /** The answer to somebody unknown who asks too often. */
  async refuseStranger(context: ConsoleContext): Promise<Response | undefined> {
    return await refuse(context, await this.#strangers.spend(this.#addressOf(context)));
  }

  /** Once it is known who asks. */
  people() {
    return createMiddleware<ConsoleEnvironment>(async (context, next) => {
      const refused = await refuse(context, await this.#spend(context, context.get('session').person));
      if (refused === undefined) await next();
      return refused;
    });
  }

  /** Programs are told apart by what they bring; whoever brings nothing that is good is a stranger. */
  programs() {
    return createMiddleware<ConsoleEnvironment>(async (context, next) => {
      const given = context.req.header('Authorization');
      const known = given ?? (await this.#parts.signIn.identify(context))?.person;
      const address = this.#addressOf(context);
      const wait = given === undefined && known !== undefined ? undefined : await this.#strangers.isSpent(address);
      const refused = await refuse(context, wait ?? (known && (await this.#spend(context, known))));
      if (refused !== undefined) return refused;
      await next();
      if (context.res.status === 401) await this.#strangers.spend(address);
      return undefined;
    });
  }

  async #spend({ req }: ConsoleContext, who: string): Promise<number | undefined> {
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    return await (isRead ? this.#reads : this.#changes).spend(who);
  }

  #addressOf(context: ConsoleContext): string {
    return network(this.#parts.addressOf?.(context) ?? '');
  }
}

/** Of IPv6 the first half: the other is for one subscriber to choose. */
function network(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const given = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - given.length - rest.length;
  return [...given, ...Array<string>(Math.max(0, zeros)).fill('0'), ...rest].slice(0, 4).join(':');
}

async function refuse(context: ConsoleContext, wait: number | '' | undefined): Promise<Response | undefined> {
  if (wait === undefined || wait === '') return undefined;
  context.header('Retry-After', String(wait));
  const title = 'Too many requests';
  const detail = `More came in a minute than people make. Wait ${wait} s, then go on.`;
  if (context.req.path.startsWith('/api/')) return problemJson(context, { status: 429, title, detail });
  return await problemPage(context, 429, title, detail);
}
