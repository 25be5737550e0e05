import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender, Sample } from '../contender.ts';
import { copyFolder, isAnyName } from '../copy-folder.ts';
import { resetTree } from '../reset-tree.ts';
import { type Ended, runProgram } from '../run-program.ts';
import { makeEmpty, type Step, type Workspace } from '../workspace.ts';
import { folderBytes } from './folder-bytes.ts';
import { sampleOf } from './samples.ts';

/** `restic backup` into a repository that holds the former release, then `restic restore` over the former release. */
export class Restic implements Contender {
  readonly #workspace: Workspace;
  readonly #step: Step;
  readonly #folder: string;

  constructor(workspace: Workspace, step: Step) {
    this.#workspace = workspace;
    this.#step = step;
    this.#folder = workspace.place('restic');
  }

  async prepare(): Promise<void> {
    const { from, to } = this.#step;
    writeFileSync(this.#path('password'), 'bench');
    await this.#restic('repository-before', ['init']);
    if (from !== undefined) {
      await resetTree({ folder: this.#path('source'), wanted: this.#workspace.fleet(from) }, this.#workspace.signal);
      await this.#backup('repository-before');
    }
    await resetTree({ folder: this.#path('source'), wanted: this.#workspace.fleet(to) }, this.#workspace.signal);
  }

  async reset(): Promise<void> {
    const { from } = this.#step;
    this.#workspace.drop(this.#path('repository'));
    const repository = { from: this.#path('repository-before'), to: this.#path('repository'), isShared: isAnyName };
    await copyFolder(repository, this.#workspace.signal);
    if (from === undefined) makeEmpty(this.#path('destination'));
    else
      await resetTree(
        { folder: this.#path('destination'), wanted: this.#workspace.fleet(from) },
        this.#workspace.signal,
      );
  }

  /** Where nothing has changed there is nothing to restore. */
  async run(): Promise<Sample> {
    const before = folderBytes(this.#path('repository'));
    const ended = [await this.#backup('repository')];
    if (this.#step.from !== this.#step.to) {
      ended.push(await this.#restic('repository', ['restore', 'latest', '--target', this.#path('destination')]));
    }
    const grown = folderBytes(this.#path('repository')) - before;
    return sampleOf(ended, { up: grown, link: grown });
  }

  async dispose(): Promise<void> {
    this.#workspace.drop(this.#folder);
  }

  #backup(repository: string): Promise<Ended> {
    return this.#restic(repository, ['backup', '.'], this.#path('source'));
  }

  #restic(repository: string, args: readonly string[], cwd = this.#folder): Promise<Ended> {
    const place = ['--repo', this.#path(repository), '--password-file', this.#path('password')];
    const all = [...place, '--cache-dir', this.#path('cache'), '--quiet', ...args];
    return runProgram({ file: 'restic', args: all, cwd }, this.#workspace.signal);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}
