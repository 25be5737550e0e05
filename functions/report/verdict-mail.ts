import prettyBytes from 'pretty-bytes';
import type { Mail } from '#core/ports/notifier.ts';
import type { SyncVerdict } from '#core/verdict.ts';

/** How a sync ended, for those who were asked about it. */
export function verdictMail(verdict: SyncVerdict, to: readonly string[]): Mail {
  const lines = [
    `Sync ${verdict.sync} from ${verdict.source.server}: ${verdict.verdict}`,
    ...(verdict.detail === undefined ? [] : [verdict.detail]),
    '',
    ...verdict.destinations.map(
      ({ server, verdict: one, reason, bytesFetched, detail }) =>
        `  ${server.padEnd(30)} ${one}${reason === undefined ? '' : ` (${reason})`}  ${prettyBytes(bytesFetched)} fetched${detail === undefined ? '' : `: ${detail}`}`,
    ),
    '',
    `lockstep status ${verdict.sync}`,
    '',
  ];
  return { to, subject: `Lockstep: sync ${verdict.sync} ${verdict.verdict}`, text: lines.join('\n') };
}
