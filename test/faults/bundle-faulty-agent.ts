import { join } from 'node:path';
import { build } from 'esbuild';

/** All in one file, as an agent is shipped: it starts in a fraction of the time. */
export async function bundleFaultyAgent(folder: string): Promise<string> {
  const outfile = join(folder, 'faulty-agent.mjs');
  await build({
    absWorkingDir: join(import.meta.dirname, '../..'),
    entryPoints: ['test/faults/faulty-agent.ts'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    logLevel: 'warning',
    banner: { js: REQUIRE },
  });
  return outfile;
}

/** For CommonJS packages in the bundle. */
const REQUIRE = [
  "import { createRequire as createRequireForBundle } from 'node:module';",
  'const require = createRequireForBundle(import.meta.url);',
].join('\n');
