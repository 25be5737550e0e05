import { join } from 'node:path';
import { bundleProgram } from '../../build/bundle-program.ts';

/** All in one file, as an agent is shipped: it starts in a fraction of the time. */
export async function bundleFaultyAgent(folder: string): Promise<string> {
  const outfile = join(folder, 'faulty-agent.mjs');
  await bundleProgram({ entry: 'test/faults/faulty-agent.ts', thread: 'test/faults/faulty-thread.ts' }, { outfile });
  return outfile;
}
