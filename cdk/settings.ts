import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import * as z from 'zod';
import { consoleSettingsSchema } from '#core/sign-in.ts';

/** Context comes as text from `-c name=value`, and as JSON from cdk.json. */
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);
const count = (least: number, most: number) => z.coerce.number().pipe(z.int().min(least).max(most));
const arnOf = (service: string) =>
  z.string().regex(new RegExp(`^arn:[\\w-]+:${service}:[\\w-]+:\\d{12}:\\S+$`), `expected an ARN of ${service}`);
const words = z.union([z.array(z.string()), z.string().transform((text) => text.split(',').map((one) => one.trim()))]);

const namesSchema = z.strictObject({
  /** Name of the stack, and of its metrics: several fit into one account. */
  stackName: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,40}$/, 'expected letters, digits and -')
    .default('Lockstep'),

  /**
   * Who issues the agents' certificates: a file with the certificates of the authority (PEM), or the ARN of an AWS
   * Private CA. Without it the stack has a parameter for the PEM.
   */
  agentAuthority: z.string().min(1).optional(),
  /** Seconds that an agent's credentials last. */
  agentSessionSeconds: count(900, 43_200).default(3600),

  /** Sender of the mails, an address that SES may send from. Without it the stack has a parameter. */
  mailFrom: z.email().optional(),
  /** What is verified in SES: the sender's domain, unless it is something else. */
  mailIdentity: z.string().min(1).optional(),

  /** Who is told of alarms and of the budget. */
  alarmMail: words.pipe(z.array(z.email()).max(10)).default([]),
  /** Where the runbook is; each alarm names its section in it. */
  runbook: z.string().min(1).default('docs/runbook.md'),
  /** US dollars a month; 0 for no budget. */
  monthlyBudget: count(0, 10_000_000).default(100),

  /** Days for which replaced and removed objects can be brought back. */
  noncurrentDays: count(1, 3650).default(30),
  /** Days for which the log of requests to the store is kept. */
  accessLogDays: count(1, 3650).default(30),
  /** Days for which logs of the functions and the workflow are kept; CloudWatch knows certain numbers only. */
  logDays: count(1, 3653).default(90),

  /** Who may shorten the retention of receipts and decisions: somebody with a special permission, or nobody. */
  objectLock: z.enum(['none', 'governance', 'compliance']).default('none'),
  /** Days for which receipts, plans, decisions and verdicts are held, once `objectLock` is set. */
  objectLockDays: count(1, 36_500).default(365),

  /**
   * Who may enter the console, and how: what stands under `console` in a fleet file, as a file of its own (YAML) or as JSON.
   * There is a console where it has `oidc`. Not from the fleet file in the store: whoever writes that could let himself in.
   */
  console: z.unknown().transform(readFile).pipe(consoleSettingsSchema).optional(),
  /** ARN of a secret with what the console must keep to itself; without it the stack makes one to be filled in. */
  consoleSecret: arnOf('secretsmanager').optional(),
  /** Name of the console on the network, and the ARN of its certificate in ACM, in the stack's region. */
  consoleDomain: z.hostname().optional(),
  consoleCertificate: arnOf('acm').optional(),
  /** Of all people together; twice as many for a moment. */
  consoleRequestsPerSecond: count(1, 10_000).default(50),

  /** How often the store is swept, as EventBridge Scheduler writes it. */
  pruneSchedule: z
    .string()
    .regex(/^(rate|cron)\(.+\)$/, 'expected rate(...) or cron(...)')
    .default('rate(1 day)'),
  /** As of `lockstep prune`. */
  pruneKeep: count(1, 10_000).default(3),
  pruneKeepDays: count(0, 100_000).default(30),
  pruneGraceDays: count(0, 100_000).default(7),

  /** Off for an account whose quota leaves nothing to reserve: a new one has ten executions in all. */
  reserveConcurrency: flag.default(true),
  logLevel: z.enum(['DEBUG', 'INFO', 'WARN', 'ERROR']).default('INFO'),

  /** For a trial: the store and the keys go with the stack, as far as AWS lets them. */
  disposable: flag.default(false),
  tags: z.record(z.string().regex(/^(?!aws:).{1,128}$/), z.string().max(256)).default({}),
});

const MOST_CONSOLE_SETTINGS = 3000;

const settingsSchema = namesSchema
  .refine((all) => (all.consoleDomain === undefined) === (all.consoleCertificate === undefined), {
    path: ['consoleDomain'],
    error: 'consoleDomain and consoleCertificate are given together, or not at all',
  })
  .refine((all) => JSON.stringify(all.console ?? '').length < MOST_CONSOLE_SETTINGS, {
    path: ['console'],
    error: 'it is too long: a function has room for 4 kB of settings; name fewer groups',
  })
  .refine((all) => all.console?.oidc !== undefined || (all.consoleDomain ?? all.consoleSecret) === undefined, {
    path: ['console'],
    error: 'without its oidc there is no console that consoleDomain or consoleSecret could be for',
  });

export type Settings = z.infer<typeof settingsSchema>;

const PREFIX = 'lockstep:';

/** The context values `lockstep:NAME`; an unknown name or a value that is not understood is an error that says which. */
export function parseSettings(context: Readonly<Record<string, unknown>>): Settings {
  const own = Object.entries(context)
    .filter(([name]) => name.startsWith(PREFIX))
    .map(([name, value]) => [name.slice(PREFIX.length), value] as const);
  const { data, error } = settingsSchema.safeParse(Object.fromEntries(own));
  if (data !== undefined) return data;
  const problems = error.issues.map(({ message, path }) => `  ${PREFIX}${path.join('.')}: ${message}`);
  throw new Error(`the context of the app cannot be used; see cdk/settings.ts\n${problems.join('\n')}`);
}

function readFile(given: unknown, context: z.RefinementCtx): unknown {
  if (typeof given !== 'string') return given;
  try {
    return parse(given.startsWith('{') ? given : readFileSync(given, 'utf8'));
  } catch (error) {
    context.addIssue({ code: 'custom', message: `it cannot be read: ${(error as Error).message}` });
    return z.NEVER;
  }
}
