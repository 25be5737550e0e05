import { labelled } from '#core/digest.ts';
import type { Plan } from '#core/plan.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncVerdict } from '#core/verdict.ts';

/** Absolute folders by the server ids that stand for them in an ad-hoc sync; empty in a fleet. */
export type FolderPaths = ReadonlyMap<ServerId, string>;

/** What `--json` prints of a finished sync. */
export function syncDocument(verdict: SyncVerdict, folders: FolderPaths) {
  const { source } = verdict;
  return {
    sync: verdict.sync,
    verdict: verdict.verdict,
    ...(verdict.reason === undefined ? {} : { reason: verdict.reason }),
    ...(verdict.detail === undefined ? {} : { detail: verdict.detail }),
    plan: verdict.plan === null ? null : labelled(verdict.plan),
    mode: verdict.mode,
    ...(verdict.rollbackOf && { rollbackOf: verdict.rollbackOf }),
    source: {
      ...identify(source.server, folders),
      manifest: source.manifest === null ? null : labelled(source.manifest),
      artifacts: source.artifacts,
      bytes: source.bytes,
      bytesUploaded: source.bytesUploaded,
      ...(source.secondsUploading !== undefined && { secondsUploading: source.secondsUploading }),
    },
    destinations: verdict.destinations.map(({ server, verdict: outcome, ...rest }) => ({
      ...identify(server, folders),
      verdict: outcome,
      ...rest,
    })),
    seconds: (Date.parse(verdict.finishedAt) - Date.parse(verdict.startedAt)) / 1000,
  };
}

/** What the plan found to be changed at the destinations since their last sync. */
export function localEditsIn(plan: Plan | undefined) {
  return (plan?.destinations ?? []).flatMap((planned) =>
    planned.outcome === 'changes' && planned.localEdits !== undefined
      ? [{ server: planned.server, ...planned.localEdits }]
      : [],
  );
}

function identify(server: ServerId, folders: FolderPaths): { readonly server: ServerId; readonly path?: string } {
  const path = folders.get(server);
  return path === undefined ? { server } : { server, path };
}
