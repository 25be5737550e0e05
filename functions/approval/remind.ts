import { ServiceTransient } from '#core/errors.ts';
import { keys, parseApprovalToken } from '#core/keys.ts';
import type { SyncId } from '#core/sync.ts';
import type { Dependencies } from '../dependencies.ts';
import { createOnce, loadPlan, loadRequest } from '../sync-documents.ts';
import { approvalMail } from './approval-mail.ts';

type RemindDependencies = Pick<Dependencies, 'store' | 'signer' | 'notifier' | 'now' | 'log'>;

/** Reminds the approvers of each plan of which they have let three quarters of its time go by; once. */
export async function remind(dependencies: RemindDependencies): Promise<void> {
  for await (const { key } of dependencies.store.list(keys.tokens())) {
    const sync = parseApprovalToken(key);
    if (sync !== undefined) await remindOf(dependencies, sync);
  }
}

async function remindOf(dependencies: RemindDependencies, sync: SyncId): Promise<void> {
  const { log, notifier, now, signer, store } = dependencies;
  const plan = await loadPlan(store, sync, signer.publicKey);
  if (plan === undefined || !isLate(plan, now())) return;
  const { consoleUrl, notify } = await loadRequest(store, sync);
  if (notify.length === 0) return;
  const settling = [keys.approvalReminded, keys.decision, keys.cancelled, keys.verdict].map((key) => key(sync));
  for (const key of settling) if ((await store.head(key)) !== undefined) return;
  try {
    await notifier.send(await approvalMail({ plan, to: notify, consoleUrl, isReminder: true }));
  } catch (error) {
    log('mail-not-sent', { sync, problem: String(error) });
    // The next look tries again.
    if (error instanceof ServiceTransient) return;
  }
  await createOnce(store, keys.approvalReminded(sync), { plan: plan.digest, at: now().toISOString() });
}

function isLate({ createdAt, expiresAt }: { readonly createdAt: string; readonly expiresAt: string }, now: Date) {
  const [from, until] = [Date.parse(createdAt), Date.parse(expiresAt)];
  return now.getTime() < until && until - now.getTime() <= (until - from) * REMINDED_AT;
}

/** Of the time, what is left. */
const REMINDED_AT = 1 / 4;
