import { join } from 'node:path';
import type { Contender, Sample, Wire } from '../contender.ts';
import { resetTree } from '../reset-tree.ts';
import { runProgram } from '../run-program.ts';
import { makeEmpty, type Step, type Workspace } from '../workspace.ts';
import { sampleOf } from './samples.ts';

export const RSYNC_ARGS = {
  rsync: ['-a'],
  'rsync-checksum': ['-a', '--checksum'],
  'rsync-zstd': ['-az', '--zc=zstd'],
} as const;

/** Between two folders, by the delta algorithm that it uses between two machines. */
export class Rsync implements Contender {
  readonly #workspace: Workspace;
  readonly #step: Step;
  readonly #args: readonly string[];
  readonly #folder: string;

  constructor(workspace: Workspace, step: Step, variant: keyof typeof RSYNC_ARGS) {
    this.#workspace = workspace;
    this.#step = step;
    this.#args = RSYNC_ARGS[variant];
    this.#folder = workspace.place(variant);
  }

  async prepare(): Promise<void> {
    const { from, to } = this.#step;
    this.#workspace.fleet(to);
    if (from !== undefined)
      await resetTree(
        { folder: this.#destination, wanted: this.#workspace.fleet(from), byLink: true },
        this.#workspace.signal,
      );
  }

  async reset(): Promise<void> {
    const { from } = this.#step;
    if (from === undefined) makeEmpty(this.#destination);
    else
      await resetTree(
        { folder: this.#destination, wanted: this.#workspace.fleet(from), byLink: true },
        this.#workspace.signal,
      );
  }

  async run(): Promise<Sample> {
    const folders = [`${this.#workspace.fleet(this.#step.to)}/`, `${this.#destination}/`];
    const args = [...this.#args, '--no-whole-file', '--stats', ...folders];
    const ended = await runProgram({ file: 'rsync', args }, this.#workspace.signal);
    return sampleOf([ended], rsyncWire(ended.stdout));
  }

  async dispose(): Promise<void> {
    this.#workspace.drop(this.#folder);
  }

  get #destination(): string {
    return join(this.#folder, 'destination');
  }
}

/** From what `--stats` prints: the two directions of its own protocol, without TCP or ssh. */
export function rsyncWire(stats: string): Wire {
  const [up, down] = ['sent', 'received'].map((word) => {
    const found = new RegExp(`^Total bytes ${word}: ([\\d,.]+)$`, 'm').exec(stats)?.[1];
    if (found === undefined) throw new Error(`rsync did not say what it ${word}`);
    return Number(found.replace(/[,.]/g, ''));
  });
  return { up: up ?? 0, down: down ?? 0, link: (up ?? 0) + (down ?? 0) };
}
