import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFleet } from './fleet/make-fleet.ts';
import type { Release, Scale } from './fleet/trees.ts';
import { runProgram } from './run-program.ts';

/** What a sync starts from and what it brings; `undefined`: from an empty folder. */
export interface Step {
  readonly from: Release | undefined;
  readonly to: Release;
  /** Releases that the source has synced with another destination in the meantime, the last one being `to`. */
  readonly through?: readonly Release[];
}

/** The temporary folder of a run of the bench, and the trees in it. */
export class Workspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
  readonly scale: Scale;
  readonly signal: AbortSignal;

  constructor(scale: Scale, signal: AbortSignal) {
    this.scale = scale;
    this.signal = signal;
  }

  /** Nobody may change it. Made when it is first asked for. */
  fleet(release: Release): string {
    const folder = join(this.#fleets, release);
    if (!existsSync(folder)) {
      mkdirSync(folder, { recursive: true });
      makeFleet(folder, this.scale, release);
    }
    return folder;
  }

  /** Frees the disk of all other trees. */
  keepFleets(releases: ReadonlySet<Release>): void {
    if (!existsSync(this.#fleets)) return;
    for (const name of readdirSync(this.#fleets)) {
      if (!releases.has(name as Release)) this.drop(join(this.#fleets, name));
    }
  }

  /** A new folder for one contender of one case. */
  place(name: string): string {
    return mkdtempSync(join(this.folder, `${name}-`));
  }

  /** Writes out what other contenders and resets have left in memory, so that nobody pays for another's bytes. */
  async settle(): Promise<void> {
    await runProgram({ file: 'sync', args: ['-f', this.folder] }, this.signal);
  }

  drop(folder: string): void {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }

  dropAll(): void {
    this.drop(this.folder);
  }

  get #fleets(): string {
    return join(this.folder, 'fleets');
  }
}

export function makeEmpty(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  mkdirSync(folder, { recursive: true });
}
