import type { ScanResult, ScanTask } from '../children/scan.ts';
import type { Contender, Sample } from '../contender.ts';
import type { Release } from '../fleet/trees.ts';
import type { Workspace } from '../workspace.ts';
import { runOwn } from './own-program.ts';

/** The agent's scan without any memory of earlier ones: every file is read. */
export class LockstepScan implements Contender {
  readonly #release: Release;
  readonly #workspace: Workspace;

  constructor(workspace: Workspace, release: Release) {
    this.#workspace = workspace;
    this.#release = release;
  }

  /** One run beforehand, so that the files are in memory for everybody and the program is compiled. */
  async prepare(): Promise<void> {
    await this.run();
  }

  async reset(): Promise<void> {}

  async run(): Promise<Sample> {
    const task: ScanTask = { root: this.#workspace.fleet(this.#release), threads: THREADS };
    const { sample } = await runOwn<ScanResult>('scan', task, this.#workspace);
    return sample;
  }
}

/** However many cores there are: the peers have one. */
const THREADS = 2;
