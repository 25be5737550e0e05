import prettyBytes from 'pretty-bytes';
import { duration } from '#core/duration.ts';
import type { Plan } from '#core/plan.ts';
import type { TransferEstimate } from '#core/transfer-estimate.ts';
import type { DestinationVerdict } from '#core/verdict.ts';

/** Before: `about 6.8 MB, 1 min 2 s`. */
export function describeEstimate(estimate: TransferEstimate | undefined): string {
  if (estimate === undefined) return 'size unknown: the snapshot of the source cannot be read';
  const { atMost, bytes, seconds } = estimate;
  const time = seconds === undefined ? '; time unknown: no transfer measured yet' : `, ${describeSeconds(seconds)}`;
  return `${atMost === true ? 'at most' : 'about'} ${prettyBytes(bytes)}${time}`;
}

/** Of all that would be written, where there is more than one: all bytes, and the time of the slowest. */
export function describeAllEstimates({ destinations }: Plan): string | undefined {
  const changes = destinations.filter((destination) => destination.outcome === 'changes');
  const { estimate } = sumTransfers(
    changes.map((one) => ({ bytesFetched: 0, ...(one.estimate && { estimate: one.estimate }) })),
  );
  if (changes.length < 2 || estimate === undefined) return undefined;
  return `${describeEstimate(estimate)}${estimate.seconds === undefined ? '' : ' for the slowest'}`;
}

type Fetched = Pick<DestinationVerdict, 'bytesFetched' | 'secondsFetching' | 'estimate'>;

/** Afterwards: `estimated 6.8 MB, 1 min 2 s; took 6.9 MB, 55 s`. */
export function describeTransfer({ bytesFetched, estimate, secondsFetching }: Fetched): string {
  const took =
    secondsFetching === undefined
      ? 'what it took is not known'
      : `took ${describeAmount(bytesFetched, secondsFetching)}`;
  if (estimate === undefined) return took;
  const most = estimate.atMost === true ? 'at most ' : '';
  return `estimated ${most}${describeAmount(estimate.bytes, estimate.seconds)}; ${took}`;
}

export function describeAmount(bytes: number, seconds: number | undefined): string {
  return seconds === undefined ? prettyBytes(bytes) : `${prettyBytes(bytes)}, ${describeSeconds(seconds)}`;
}

/** Those that have begun, and answered. */
export function haveFetched(destinations: readonly DestinationVerdict[]): readonly DestinationVerdict[] {
  return destinations.filter(({ receipt, verdict }) => receipt !== null && verdict !== 'IN_SYNC');
}

/** All bytes, and the seconds of the slowest; what one of them does not know is not known of all. */
export function sumTransfers(destinations: readonly Fetched[]): Fetched {
  const sum = (of: (one: Fetched) => number) => destinations.reduce((total, one) => total + of(one), 0);
  const longest = (of: (one: Fetched) => number | undefined) =>
    destinations.reduce<number | undefined>((most, one) => {
      const seconds = of(one);
      return most === undefined || seconds === undefined ? undefined : Math.max(most, seconds);
    }, 0);
  const secondsFetching = longest((one) => one.secondsFetching);
  const seconds = longest(({ estimate }) => estimate?.seconds);
  const isEstimated = destinations.every(({ estimate }) => estimate !== undefined);
  const estimate = {
    bytes: sum((one) => one.estimate?.bytes ?? 0),
    ...(seconds !== undefined && { seconds }),
    ...(destinations.some((one) => one.estimate?.atMost) && { atMost: true as const }),
  };
  return {
    bytesFetched: sum((one) => one.bytesFetched),
    ...(secondsFetching !== undefined && { secondsFetching }),
    ...(isEstimated && { estimate }),
  };
}

export function describeSeconds(seconds: number): string {
  return seconds < 1 ? 'under 1 s' : duration(seconds * 1000);
}
