import { copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender, Sample } from '../contender.ts';
import { copyFolder, isAnyName } from '../copy-folder.ts';
import { resetTree } from '../reset-tree.ts';
import { type Ended, runProgram } from '../run-program.ts';
import { makeEmpty, type Step, type Workspace } from '../workspace.ts';
import { folderBytes } from './folder-bytes.ts';
import { sampleOf } from './samples.ts';

/** `casync make` into a store that holds the former release, then `casync extract` over the former release. */
export class Casync implements Contender {
  readonly #workspace: Workspace;
  readonly #step: Step;
  readonly #folder: string;

  constructor(workspace: Workspace, step: Step) {
    this.#workspace = workspace;
    this.#step = step;
    this.#folder = workspace.place('casync');
  }

  async prepare(): Promise<void> {
    const { from, to } = this.#step;
    this.#workspace.fleet(to);
    makeEmpty(this.#path('store-before'));
    if (from === undefined) return;
    await this.#make('store-before', 'before.caidx', this.#workspace.fleet(from));
    // Where the store is empty otherwise, casync makes it.
    if (from === to) copyFileSync(this.#path('before.caidx'), this.#path('now.caidx'));
  }

  async reset(): Promise<void> {
    const { from } = this.#step;
    this.#workspace.drop(this.#path('store'));
    const store = { from: this.#path('store-before'), to: this.#path('store'), isShared: isAnyName };
    await copyFolder(store, this.#workspace.signal);
    if (from === undefined) makeEmpty(this.#path('destination'));
    else
      await resetTree(
        { folder: this.#path('destination'), wanted: this.#workspace.fleet(from), byLink: true },
        this.#workspace.signal,
      );
  }

  async run(): Promise<Sample> {
    const before = folderBytes(this.#path('store'));
    const made = await this.#make('store', 'now.caidx', this.#workspace.fleet(this.#step.to));
    const extracted = await this.#casync('extract', 'store', [this.#path('now.caidx'), this.#path('destination')]);
    const grown = folderBytes(this.#path('store')) - before + statSync(this.#path('now.caidx')).size;
    return sampleOf([made, extracted], { up: grown, link: grown });
  }

  async dispose(): Promise<void> {
    this.#workspace.drop(this.#folder);
  }

  #make(store: string, index: string, tree: string): Promise<Ended> {
    return this.#casync('make', store, [this.#path(index), tree]);
  }

  #casync(verb: string, store: string, args: readonly string[]): Promise<Ended> {
    const all = [
      verb,
      '--without=all',
      '--with=sec-time',
      '--with=permissions',
      `--store=${this.#path(store)}`,
      ...args,
    ];
    return runProgram({ file: 'casync', args: all }, this.#workspace.signal);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}
