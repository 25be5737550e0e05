import * as z from 'zod';
import { parseValue } from '#core/documents.ts';
import { ApprovalExpired } from '#core/errors.ts';
import { approvalTokenId, keys } from '#core/keys.ts';
import { syncIdSchema } from '#core/sync.ts';
import { tell } from '../counted-events.ts';
import type { Dependencies } from '../dependencies.ts';
import { signal } from '../signal/signal.ts';
import { createOnce, loadRequest, requirePlan } from '../sync-documents.ts';
import { parkToken } from '../waiting.ts';
import { approvalMail } from './approval-mail.ts';
import { remind } from './remind.ts';

const eventSchema = z.union([
  z.strictObject({ sync: syncIdSchema, token: z.string() }),
  z.strictObject({ step: z.literal('remind'), sync: syncIdSchema }),
]);

/**
 * Tells the approvers, once, and leaves the token to wait for their decision; later reminds them, and waits again.
 * Throws ApprovalExpired.
 */
export async function approval(dependencies: Dependencies, event: unknown): Promise<void> {
  const parsed = parseValue('approval event', eventSchema, event);
  if ('step' in parsed) return await remind(dependencies, parsed.sync);
  const { sync, token } = parsed;
  const { store, signer, notifier, now, log } = dependencies;
  const request = await loadRequest(store, sync);
  const { consoleUrl = request.consoleUrl } = dependencies;
  const plan = await requirePlan(store, sync, signer.publicKey);
  const isDecided = (await store.head(keys.decision(sync))) !== undefined;
  // What was decided in time stands, also when this step is run again long after.
  if (!isDecided && Date.parse(plan.expiresAt) <= now().getTime()) {
    throw new ApprovalExpired(`the plan expired at ${plan.expiresAt}`);
  }
  await parkToken(store, approvalTokenId(sync), token);
  if (!isDecided && request.notify.length > 0 && (await store.head(keys.approvalRequested(sync))) === undefined) {
    await notifier.send(await approvalMail({ plan, to: request.notify, consoleUrl }));
  }
  const requested = { plan: plan.digest, at: now().toISOString() };
  if (await createOnce(store, keys.approvalRequested(sync), requested)) tell(log, 'approval-requested', { sync });
  // A decision may have been made before an earlier attempt was lost: no event comes for that any more.
  await signal(dependencies, keys.decision(sync), token);
  if ((await store.head(keys.cancelled(sync))) !== undefined) await signal(dependencies, keys.cancelled(sync), token);
}
