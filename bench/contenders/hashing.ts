import type { Contender, Sample } from '../contender.ts';
import type { Release } from '../fleet/trees.ts';
import { runProgram } from '../run-program.ts';
import type { Workspace } from '../workspace.ts';

/** A program that hashes files given on its command line, fed by find and xargs. */
export class HashingProgram implements Contender {
  readonly #command: string;
  readonly #release: Release;
  readonly #workspace: Workspace;

  constructor(workspace: Workspace, release: Release, command: 'openssl dgst -sha256' | 'sha256sum') {
    this.#workspace = workspace;
    this.#release = release;
    this.#command = command;
  }

  async prepare(): Promise<void> {
    this.#workspace.fleet(this.#release);
  }

  async reset(): Promise<void> {}

  async run(): Promise<Sample> {
    const script = `find "$0" -type f -print0 | xargs -0 ${this.#command} > /dev/null`;
    const args = ['-c', script, this.#workspace.fleet(this.#release)];
    const { cpu, memory, wall } = await runProgram({ file: 'sh', args }, this.#workspace.signal);
    return { wall, ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) };
  }
}
