import { labelled } from '#core/digest.ts';
import { BadInput } from '#core/errors.ts';
import { stepOf } from '#functions/verification/describe-link.ts';
import { type ChainLink, readChain, type States } from '#functions/verification/read-chain.ts';
import type { CommandContext } from '../context.ts';
import { openControl } from '../control.ts';
import { findNamedServers } from '../named-servers.ts';
import type { CommandOutcome } from '../outcome.ts';
import { isSound, showChain } from '../show/chain.ts';
import { showSyncs } from '../show/syncs.ts';

/** The newest syncs and how they ended. */
export async function historyCommand(
  context: CommandContext,
  { limit }: { readonly limit: number },
): Promise<CommandOutcome> {
  const control = await openControl(context);
  const syncs = await control.listSyncs(limit, context.signal);
  return { exitStatus: 0, document: { syncs }, text: showSyncs(syncs, context.terminal.paint) };
}

/** The receipts of one server, the newest last: what it held, who changed that, and on whose word. */
export async function serverHistoryCommand(
  context: CommandContext,
  { limit, name }: { readonly limit: number; readonly name: string },
): Promise<CommandOutcome> {
  const { controlKey, labels, servers, store } = await findNamedServers(context, [name]);
  const [server] = servers;
  if (server === undefined) throw new BadInput('name a server');
  const links = await readChain({ store, controlKey, server }, limit);
  return {
    exitStatus: links.every(isSound) ? 0 : 1,
    document: { server, orders: links.map(linkDocument) },
    text: showChain(labels.of(server), links, context.terminal.paint),
  };
}

function linkDocument({ approval, follows, keyId, order, receipt, sequence, signature, states }: ChainLink) {
  return {
    sequence,
    order: order?.order ?? null,
    sync: order?.sync ?? null,
    step: order === undefined ? null : stepOf(order),
    issuedAt: order?.issuedAt ?? null,
    outcome: receipt?.outcome ?? null,
    ...(receipt && { startedAt: receipt.startedAt, finishedAt: receipt.finishedAt }),
    ...(receipt && 'detail' in receipt && { reason: receipt.reason ?? null, detail: receipt.detail }),
    ...(states && { before: statesDocument(states.before), after: statesDocument(states.after), follows }),
    ...(receipt?.outcome === 'SUCCEEDED' && { changes: receipt.changes }),
    signature: { status: signature, keyId: keyId === undefined ? null : labelled(keyId) },
    ...(approval && {
      plan: labelled(approval.plan),
      approvedBy: approval.approvedBy ?? null,
      bytes: approval.bytes ?? null,
    }),
  };
}

function statesDocument({ protectedState, state }: States) {
  return { state: labelled(state), protectedState: labelled(protectedState) };
}
