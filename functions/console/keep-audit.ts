import { randomBytes } from 'node:crypto';
import { createMiddleware } from 'hono/factory';
import * as z from 'zod';
import { AUDIT_FORMAT, type AuditDetails, type AuditEvent, auditSchema } from '#core/audit.ts';
import { encodeDocument, parseValue } from '#core/documents.ts';
import { LockstepError } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { syncIdSchema } from '#core/sync.ts';
import { Budget, type Limit } from './budget.ts';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from './console-parts.ts';
import { pathForLog } from './path-for-log.ts';
import type { Session } from './session.ts';

export interface AuditEntry extends AuditDetails {
  readonly event: AuditEvent;
  /** Where nobody is signed in yet, or any more. */
  readonly person?: string;
  readonly method?: Session['method'];
}

/** Logs what was done, and keeps it in the store; a store that fails changes nothing of what was done. */
export type Audit = (entry: AuditEntry) => Promise<void>;

/** Gives pages their `audit`, and writes down itself what was not done, whoever refused it: who, about what, and why not. */
export function keepAudit(parts: Pick<ConsoleParts, 'addressOf' | 'log' | 'now' | 'store'>) {
  const trifles = new Budget(TRIFLES);
  return createMiddleware<ConsoleEnvironment>(async (context, next) => {
    context.set('audit', async (entry) => {
      const { event, ...details } = entry;
      const who = { ...details, person: entry.person ?? context.get('session').person };
      parts.log(event, who);
      if (ALWAYS.has(event) || (await trifles.spend(who.person)) === undefined)
        await keep(parts, context, { event, ...who });
    });
    await next();
    const refusal = await refusalOf(context);
    if (refusal === undefined) return;
    if (context.get('session') !== undefined) return await context.get('audit')(refusal);
    // Anybody at all could fill the store with these: they are logged, and counted there.
    const { event, ...details } = refusal;
    parts.log(event, { person: null, ...details });
  });
}

type Kept = AuditEntry & { readonly person: string };

async function keep(
  { addressOf, log, now, store }: Pick<ConsoleParts, 'addressOf' | 'log' | 'now' | 'store'>,
  context: ConsoleContext,
  entry: Kept,
): Promise<void> {
  const at = now();
  const method = entry.method ?? context.get('session')?.method;
  const address = addressOf?.(context);
  const wanted = {
    ...entry,
    format: AUDIT_FORMAT,
    at: at.toISOString(),
    ...(method !== undefined && { method }),
    ...(address !== undefined && { address }),
  };
  try {
    const record = parseValue('audit record', auditSchema, wanted);
    await store.create(keys.audit(at, randomBytes(6).toString('hex')), encodeDocument(record));
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    log('audit-not-kept', { entry: JSON.stringify(wanted), problem: error.message });
  }
}

/** `undefined` for what was done, or only looked at, or was a slip in a form. */
async function refusalOf(context: ConsoleContext): Promise<AuditEntry | undefined> {
  const { req, res } = context;
  if (req.method === 'GET' || req.method === 'HEAD' || res.status < 400 || res.status === TOO_OFTEN) return undefined;
  const isDecision = /^\/(?:api\/v\d+\/)?approvals\//.test(req.path);
  if (!isDecision && !REFUSALS.has(res.status)) return undefined;
  const sync = syncIdSchema.safeParse(/\d{8}T\d{6}Z-[0-9a-f]{8}/.exec(req.path)?.[0]).data;
  return {
    event: isDecision ? 'decision-refused' : 'refused',
    ...(sync !== undefined && { sync }),
    ...(isDecision ? { plan: await planOf(context) } : { path: pathForLog(req.path) }),
    status: res.status,
    reason: context.get('problem')?.slice(0, LONGEST_REASON) ?? null,
    via: req.path.startsWith('/api/') ? 'api' : 'console',
  };
}

/** Nobody who is not signed in makes this read what he has sent. */
async function planOf(context: ConsoleContext): Promise<string | null> {
  if (context.get('session') === undefined || context.res.status === TOO_LARGE) return null;
  const isJson = context.req.header('Content-Type')?.startsWith('application/json') === true;
  // What is no JSON names no plan.
  const sent: unknown = isJson ? await context.req.json().catch(() => undefined) : await context.req.parseBody();
  const named = namedSchema.safeParse(sent);
  return named.success ? named.data.plan.slice(0, LONGEST) : null;
}

const namedSchema = z.object({ plan: z.string() });

/** Each of these writes other objects, too: there are never more of them. */
const ALWAYS: ReadonlySet<AuditEvent> = new Set([
  'decision',
  'sync-started',
  'sync-stopped',
  'token-created',
  'token-removed',
  'verification-started',
]);
/** Of one person, sign-ins and refusals: the rest is in the log only. */
const TRIFLES: Limit = { points: 200, seconds: 3600 };
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 409]);
const TOO_LARGE = 413;
const TOO_OFTEN = 429;
const LONGEST = 64;
const LONGEST_REASON = 1000;
