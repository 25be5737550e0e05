import { join, resolve } from 'node:path';
import { type BuildOptions, type BuildResult, build, type Plugin } from 'esbuild';
import { ENGLISH_ONLY } from './english-only.ts';

export interface ProgramSources {
  readonly entry: string;
  /** What its threads run; the agent's by default. */
  readonly thread?: string;
}

/** One file that runs a program of the project on Node 22 or later, with nothing else installed. */
export async function bundleProgram(
  { entry, thread = 'agents/hash-worker.ts' }: ProgramSources,
  options: BuildOptions,
): Promise<BuildResult> {
  return build({
    ...SHARED,
    entryPoints: [entry],
    format: 'esm',
    legalComments: 'eof',
    plugins: [ENGLISH_ONLY, INTERPRETER],
    define: { BUNDLED_WORKER: JSON.stringify(await bundleThread(thread)) },
    banner: {
      // CommonJS packages inside the bundle ask for Node's own modules with `require`, which a module lacks.
      js: [
        "import { createRequire as createRequireForBundle } from 'node:module';",
        'const require = createRequireForBundle(import.meta.url);',
      ].join('\n'),
    },
    ...options,
  });
}

/** The text of a script: a small part of the program, so that a thread starts quickly. */
async function bundleThread(entry: string): Promise<string> {
  const { outputFiles } = await build({
    ...SHARED,
    entryPoints: [entry],
    format: 'cjs',
    legalComments: 'none',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

/** In source it is found by its path when it is loaded, which esbuild cannot follow. */
const INTERPRETER: Plugin = {
  name: 'interpreter',
  setup({ onLoad }) {
    const path = join(ROOT, 'node_modules/aws-local-stepfunctions/build/main.browser.esm.js');
    const contents = `export { StateMachine } from ${JSON.stringify(path)};`;
    onLoad({ filter: /[\\/]embedded[\\/]interpreter\.ts$/ }, () => ({ contents }));
  },
};

const ROOT = resolve(import.meta.dirname, '..');

const SHARED = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node22',
  minify: true,
  logLevel: 'warning',
} satisfies BuildOptions;
