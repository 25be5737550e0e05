import { setTimeout as sleep } from 'node:timers/promises';
import { Dice } from '#bench/fleet/randomness.ts';
import type { ServerId } from '#core/server.ts';
import type { DestinationVerdict } from '#core/verdict.ts';
import { CONTROLLER, RELEASES, type Release, type SoakedFleet, sourceOf, type Victim } from './soaked-fleet.ts';

export interface Soaking {
  readonly fleet: SoakedFleet;
  readonly kills: number;
  /** Decides who is killed, and when. */
  readonly seed: string;
  readonly signal: AbortSignal;
  readonly onProgress: (results: SoakResults) => void;
}

export interface SoakResults {
  syncs: number;
  kills: number;
  /** By whom they met. */
  readonly killed: Map<string, number>;
  /** Destinations of all syncs, by verdict. */
  readonly verdicts: Map<DestinationVerdict['verdict'], { old: number; new: number; between: number }>;
  readonly wrongs: string[];
}

/** Syncs to and fro, with kills at any moment; ends after so many kills, or with the signal. */
export async function soak({ fleet, kills, onProgress, seed, signal }: Soaking): Promise<SoakResults> {
  const results: SoakResults = { syncs: 0, kills: 0, killed: new Map(), verdicts: new Map(), wrongs: [] };
  const dice = new Dice(`soak|${seed}`);
  const licenses = new Map(fleet.destinations.map((server) => [server, fleet.licensesOf(server)]));
  const held = new Map<ServerId, Release>(fleet.destinations.map((server) => [server, 'base']));
  let milliseconds = 0;
  for (let round = 0; results.kills < kills && !signal.aborted; round++) {
    const release: Release = RELEASES[(round + 1) % RELEASES.length] ?? 'base';
    const begun = performance.now();
    const wanted = round < RELEASES.length ? 0 : Math.min(dice.between(1, MOST_KILLS), kills - results.kills);
    const verdicts = await syncOnce({ fleet, dice, release, wanted, milliseconds, results, signal });
    if (verdicts === undefined) break;
    // How long one takes when nobody is killed.
    if (round < RELEASES.length) milliseconds = Math.max(milliseconds, performance.now() - begun);
    results.syncs++;
    for (const server of fleet.destinations) {
      const verdict = verdicts.find((one) => one.server === server);
      const wrongs = await check({ fleet, verdict, server, release, held, results });
      if (fleet.licensesOf(server) !== licenses.get(server)) wrongs.push('its licenses changed');
      results.wrongs.push(...wrongs.map((wrong) => `sync ${round + 1}, ${server}: ${wrong}`));
    }
    onProgress(results);
  }
  return results;
}

interface SyncOnce extends Pick<Soaking, 'fleet' | 'signal'> {
  readonly dice: Dice;
  readonly release: Release;
  readonly wanted: number;
  /** That a sync takes. */
  readonly milliseconds: number;
  readonly results: SoakResults;
}

/** `undefined` when it was interrupted. */
async function syncOnce(syncing: SyncOnce): Promise<readonly DestinationVerdict[] | undefined> {
  const { dice, fleet, milliseconds, release, results, signal, wanted } = syncing;
  const sync = await fleet.sync(release, () => dice.roll().toString(16).padStart(5, '0').slice(-5));
  const moments = Array.from({ length: wanted }, () => dice.between(0, Math.ceil(milliseconds))).sort((a, b) => a - b);
  const begun = performance.now();
  const victims: readonly Victim[] = [...fleet.destinations, ...fleet.destinations, sourceOf(release), CONTROLLER];
  let isApproved = false;
  while (!signal.aborted) {
    if (!isApproved) isApproved = await fleet.approve(sync);
    const verdict = await fleet.verdict(sync);
    if (verdict !== undefined) return verdict.destinations;
    const [next] = moments;
    if (next !== undefined && performance.now() - begun >= next) {
      moments.shift();
      const met = await fleet.kill(dice.oneOf(victims));
      results.killed.set(met, (results.killed.get(met) ?? 0) + 1);
      results.kills++;
    }
    await sleep(LOOK_MILLISECONDS);
  }
  return undefined;
}

interface Check {
  readonly fleet: SoakedFleet;
  readonly verdict: DestinationVerdict | undefined;
  readonly server: ServerId;
  readonly release: Release;
  /** What each destination held before. */
  readonly held: Map<ServerId, Release>;
  readonly results: SoakResults;
}

async function check({ fleet, held, release, results, server, verdict }: Check): Promise<string[]> {
  if (verdict === undefined) return ['the verdict does not name it'];
  const leftovers = await fleet.leftoversOf(server);
  const [before, now] = [held.get(server), fleet.releaseOf(server)];
  if (now !== undefined) held.set(server, now);
  const tree = now === undefined ? 'between' : now === release ? 'new' : 'old';
  const row = results.verdicts.get(verdict.verdict) ?? { old: 0, new: 0, between: 0 };
  results.verdicts.set(verdict.verdict, row);
  row[tree]++;
  const isTrue = isTruthful(verdict.verdict, { isNew: now === release, isOld: now === before });
  return [
    ...(isTrue ? [] : [`the verdict is ${verdict.verdict}, its tree is ${now ?? 'a mixture'}, before ${before}`]),
    ...leftovers.map((name) => `left ${name}`),
  ];
}

function isTruthful(
  verdict: DestinationVerdict['verdict'],
  { isNew, isOld }: { readonly isNew: boolean; readonly isOld: boolean },
): boolean {
  switch (verdict) {
    case 'SUCCEEDED':
    case 'IN_SYNC':
      return isNew;
    case 'ROLLED_BACK':
    case 'REFUSED':
    case 'NOT_ATTEMPTED':
      return isOld;
    case 'FAILED':
    case 'OFFLINE':
      return isNew || isOld;
    default:
      return false;
  }
}

const MOST_KILLS = 4;
const LOOK_MILLISECONDS = 20;
