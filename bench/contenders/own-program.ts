import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sample } from '../contender.ts';
import { type Program, runProgram } from '../run-program.ts';
import type { Workspace } from '../workspace.ts';

/** Runs one of bench/children in a process of its own, with a task, and gives its result beside the measurement. */
export async function runOwn<R extends { readonly work: number }>(
  child: 'plan' | 'scan' | 'sweep' | 'sync',
  task: unknown,
  workspace: Workspace,
): Promise<{ readonly sample: Sample; readonly result: R }> {
  const { cpu, memory, stdout, wall } = await runProgram(ownProgram(child, task, workspace), workspace.signal);
  const result = JSON.parse(stdout) as R;
  const sample = {
    wall,
    work: result.work,
    ...(cpu !== undefined && { cpu }),
    ...(memory !== undefined && { memory }),
  };
  return { sample, result };
}

/**
 * With Node's compile cache, so that a start does not strip the types of every source again: what is shipped is one
 * file of JavaScript.
 */
export function ownProgram(
  child: 'plan' | 'prepare-plan' | 'scan' | 'sweep' | 'sync',
  task: unknown,
  { folder }: Workspace,
): Program {
  const script = fileURLToPath(new URL(`../children/${child}.ts`, import.meta.url));
  const cache = `NODE_COMPILE_CACHE=${join(folder, 'compile-cache')}`;
  return { file: 'env', args: [cache, process.execPath, script, JSON.stringify(task)] };
}
