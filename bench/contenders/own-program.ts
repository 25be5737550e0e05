import { cpSync, existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundleProgram } from '../../build/bundle-program.ts';
import type { Sample } from '../contender.ts';
import { type Program, runProgram } from '../run-program.ts';
import type { Workspace } from '../workspace.ts';

/** Runs one of bench/children in a process of its own, with a task, and gives its result beside the measurement. */
export async function runOwn<R extends { readonly work: number }>(
  child: 'plan' | 'scan' | 'sweep' | 'sync',
  task: unknown,
  workspace: Workspace,
): Promise<{ readonly sample: Sample; readonly result: R }> {
  const program = await ownProgram(child, task, workspace);
  const { cpu, memory, stdout, wall } = await runProgram(program, workspace.signal);
  const result = JSON.parse(stdout) as R;
  const sample = {
    wall,
    work: result.work,
    ...(cpu !== undefined && { cpu }),
    ...(memory !== undefined && { memory }),
  };
  return { sample, result };
}

/** In one file, as what is shipped for servers, the profiles beside it; made at the first need. */
export async function ownProgram(
  child: 'plan' | 'prepare-plan' | 'scan' | 'sweep' | 'sync',
  task: unknown,
  { folder }: Workspace,
): Promise<Program> {
  const programs = join(folder, 'programs');
  const script = join(programs, `${child}.mjs`);
  if (!existsSync(script)) {
    await bundleProgram({ entry: `bench/children/${child}.ts` }, { outfile: script });
    cpSync(join(PROJECT, 'profiles'), join(programs, 'profiles'), { recursive: true });
  }
  const cache = `NODE_COMPILE_CACHE=${join(folder, 'compile-cache')}`;
  return { file: 'env', args: [cache, process.execPath, script, JSON.stringify(task)] };
}

const PROJECT = resolve(import.meta.dirname, '../..');
