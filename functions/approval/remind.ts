import { ServiceTransient } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { SyncId } from '#core/sync.ts';
import type { Dependencies } from '../dependencies.ts';
import { createOnce, loadRequest, requirePlan } from '../sync-documents.ts';
import { approvalMail } from './approval-mail.ts';

type RemindDependencies = Pick<Dependencies, 'store' | 'signer' | 'notifier' | 'consoleUrl' | 'now' | 'log'>;

/** Tells the approvers once more, once, that nobody has decided yet. Throws ServiceTransient while no mail can be sent. */
export async function remind(dependencies: RemindDependencies, sync: SyncId): Promise<void> {
  const { log, notifier, now, signer, store } = dependencies;
  const plan = await requirePlan(store, sync, signer.publicKey);
  const { notify, ...request } = await loadRequest(store, sync);
  const { consoleUrl = request.consoleUrl } = dependencies;
  if (notify.length === 0 || Date.parse(plan.expiresAt) <= now().getTime()) return;
  const settling = [keys.approvalReminded, keys.decision, keys.cancelled].map((key) => key(sync));
  for (const key of settling) if ((await store.head(key)) !== undefined) return;
  try {
    await notifier.send(await approvalMail({ plan, to: notify, consoleUrl, isReminder: true }));
  } catch (error) {
    log('mail-not-sent', { sync, problem: String(error) });
    if (error instanceof ServiceTransient) throw error;
  }
  await createOnce(store, keys.approvalReminded(sync), { plan: plan.digest, at: now().toISOString() });
}
