import { assertDecisionHolds, decisionSchema } from '#core/approval.ts';
import { MAX_SIGNED_BYTES, parseDocument } from '#core/documents.ts';
import { DecisionRefused, InvalidDocument, TaskTokenGone } from '#core/errors.ts';
import { approvalTokenId, keys, type OrderId, parseSignalKey, type TokenId } from '#core/keys.ts';
import { signedProgressSchema } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import { tell } from '../counted-events.ts';
import type { Dependencies } from '../dependencies.ts';
import { assertSignedByAgent, loadReceipt, requirePlan } from '../sync-documents.ts';
import { dropToken, findToken, takeBeat } from '../waiting.ts';

type SignalDependencies = Pick<Dependencies, 'store' | 'signer' | 'tokens' | 'log'>;

/**
 * An object was written that somebody may wait for: lets the workflow go on if it is what it claims to be.
 * Anything may come, any number of times; what is forged or unknown changes nothing. Who has just parked the `token` of an
 * approval says it: a signal to the wait before may meanwhile have dropped the record, taking it for its own.
 */
export async function signal(dependencies: SignalDependencies, key: string, token?: string): Promise<void> {
  const found = parseSignalKey(key);
  if (found === undefined) return;
  try {
    switch (found.kind) {
      case 'receipt':
        return await signalReceipt(dependencies, found.server, found.order);
      case 'progress':
        return await signalProgress(dependencies, found.server, found.order);
      case 'decision':
        return await signalDecision(dependencies, found.sync, token);
      case 'cancelled':
        return await signalCancelled(dependencies, found.sync, token);
    }
  } catch (error) {
    if (error instanceof TaskTokenGone) return;
    if (!(error instanceof InvalidDocument || error instanceof DecisionRefused)) throw error;
    tell(dependencies.log, 'signal-refused', { key, problem: error.message });
  }
}

async function signalReceipt(dependencies: SignalDependencies, server: ServerId, order: OrderId): Promise<void> {
  await answer(dependencies, order, async (token) => {
    const receipt = await loadReceipt(dependencies.store, server, order);
    if (receipt !== undefined) await dependencies.tokens.succeed(token, { outcome: receipt.outcome });
    return receipt !== undefined;
  });
}

async function signalProgress({ store, tokens }: SignalDependencies, server: ServerId, order: OrderId): Promise<void> {
  const key = keys.progress(server, order);
  const stored = (await findToken(store, order)) === undefined ? undefined : await store.get(key);
  if (stored === undefined) return;
  const document = parseDocument(key, signedProgressSchema, stored.body, MAX_SIGNED_BYTES);
  await assertSignedByAgent(store, server, { key, document });
  if (document.payload.order !== order) throw new InvalidDocument(key, `it is about order ${document.payload.order}`);
  const token = await takeBeat(store, order, document.payload.at);
  if (token !== undefined) await tokens.heartbeat(token);
}

async function signalDecision(dependencies: SignalDependencies, sync: SyncId, parked?: string): Promise<void> {
  const { store, signer, tokens } = dependencies;
  const give = async (token: string) => {
    const stored = await store.get(keys.decision(sync));
    if (stored === undefined) return false;
    const decision = parseDocument(keys.decision(sync), decisionSchema, stored.body);
    assertDecisionHolds(await requirePlan(store, sync, signer.publicKey), decision);
    switch (decision.decision) {
      case 'APPROVED':
        await tokens.succeed(token, { decision: decision.decision });
        break;
      case 'REJECTED': {
        const [vote] = decision.votes;
        await tokens.fail(token, { name: 'ApprovalRejected', message: `rejected by ${vote?.by ?? 'nobody'}` });
        break;
      }
    }
    return true;
  };
  await answer(dependencies, approvalTokenId(sync), give, parked);
}

async function signalCancelled(dependencies: SignalDependencies, sync: SyncId, parked?: string): Promise<void> {
  const give = async (token: string) => {
    await dependencies.tokens.fail(token, { name: 'Interrupted', message: 'the sync was cancelled' });
    return true;
  };
  await answer(dependencies, approvalTokenId(sync), give, parked);
}

/** The record goes only once the workflow has the answer: a lost call is made again at the next signal. */
async function answer(
  { store }: SignalDependencies,
  waitsFor: TokenId,
  give: (token: string) => Promise<boolean>,
  parked?: string,
): Promise<void> {
  const token = (await findToken(store, waitsFor)) ?? parked;
  if (token !== undefined && (await give(token))) await dropToken(store, waitsFor);
}
