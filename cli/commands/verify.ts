import type { DriftedFile } from '#core/drift.ts';
import { BadInput } from '#core/errors.ts';
import { exitStatus } from '#core/verdict.ts';
import { driftFoundBy } from '#functions/verification/find-drift.ts';
import { findProvenState } from '#functions/verification/find-proven-state.ts';
import type { CommandContext } from '../context.ts';
import type { FinishedSync } from '../follow-sync.ts';
import { findNamedServers, type NamedServers } from '../named-servers.ts';
import type { CommandOutcome } from '../outcome.ts';
import { openSession, type Session, type SyncOptions } from '../session.ts';
import { showVerification, type VerifiedServer } from '../show/verification.ts';
import { carryThrough } from './sync.ts';

/** Has each server read every file, and compares what it holds with its last good receipt. */
export async function verifyCommand(
  context: CommandContext,
  names: readonly string[],
  { profile }: Pick<SyncOptions, 'profile'>,
): Promise<CommandOutcome> {
  const named = await findNamedServers(context, names);
  await assertComparable(named);
  const options = { ...ONLY_VERIFY, profile };
  const session = await openSession(context, named.parties, options);
  try {
    const sync = await session.request();
    context.terminal.say(context.terminal.paint('faint', `Verification ${sync}`));
    return await carryThrough(context, {
      ...{ session, sync, options },
      conclude: (finished) => conclude(context, { ...named, folders: session.folders }, finished),
    });
  } finally {
    await session.close();
  }
}

/** Known before anything is read. */
async function assertComparable({ labels, servers, ...orders }: NamedServers): Promise<void> {
  for (const server of servers) {
    if ((await findProvenState({ ...orders, server })) !== undefined) continue;
    throw new BadInput(
      `${labels.of(server)} has no receipt to compare with yet: it was never the source of a sync, nor written or found in sync by one`,
    );
  }
}

async function conclude(
  { terminal }: CommandContext,
  { controlKey, folders, labels, store }: NamedServers & Pick<Session, 'folders'>,
  { verdict }: FinishedSync,
): Promise<CommandOutcome> {
  const servers: VerifiedServer[] = [];
  for (const one of verdict.destinations) {
    const drift: DriftedFile[] = [];
    // Where there are no counts the verdict says why they cannot be told.
    if (one.verification?.drift !== undefined) {
      for await (const file of driftFoundBy({ store, controlKey, server: one.server }, verdict.sync)) drift.push(file);
    }
    servers.push({ verdict: one, drift });
  }
  return {
    exitStatus: exitStatus(verdict),
    document: {
      verification: verdict.sync,
      verdict: verdict.verdict,
      ...(verdict.detail !== undefined && { detail: verdict.detail }),
      servers: servers.map((one) => ({ ...identify(one, folders), ...serverDocument(one) })),
      seconds: (Date.parse(verdict.finishedAt) - Date.parse(verdict.startedAt)) / 1000,
    },
    text: showVerification(verdict, servers, { labels, paint: terminal.paint }),
  };
}

function identify({ verdict: { server } }: VerifiedServer, folders: Session['folders']) {
  const path = folders.get(server);
  return path === undefined ? { server } : { server, path };
}

function serverDocument({ drift, verdict: { detail, reason, receipt, verdict, verification } }: VerifiedServer) {
  return {
    verdict,
    ...(reason !== undefined && { reason }),
    ...(detail !== undefined && { detail }),
    receipt,
    ...(verification && {
      files: verification.files,
      bytes: verification.bytes,
      comparedWith: {
        receipt: verification.receipt,
        sync: verification.sync,
        finishedAt: verification.finishedAt,
      },
      ...(verification.drift && { counts: verification.drift }),
    }),
    drift,
  };
}

const ONLY_VERIFY: Omit<SyncOptions, 'profile'> = {
  yes: false,
  mirror: false,
  dryRun: true,
  verify: true,
  allowShrink: false,
  allowDowngrade: false,
  allowVanished: [],
  maxRemovals: undefined,
  acknowledgeRemovals: undefined,
  only: [],
};
