import { cp } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';

export interface AgentBundle {
  readonly file: string;
  /** Of the file as it is shipped. */
  readonly bytes: number;
  /** What it would be without the AWS SDK, which an agent needs only to speak to s3://. */
  readonly bytesWithoutSdk: number;
}

/** One file that runs the agent on Node 22 or later, with nothing else installed; the profiles go beside it. */
export async function bundleAgent(file: string): Promise<AgentBundle> {
  const [{ metafile }, lean] = await Promise.all([
    build({ ...OPTIONS, outfile: file, metafile: true }),
    build({ ...OPTIONS, external: ['@aws-sdk/*', '@smithy/*'], outfile: file, write: false }),
  ]);
  await cp(join(ROOT, 'profiles'), join(dirname(file), 'profiles'), { recursive: true });
  const [output] = Object.values(metafile.outputs);
  const [leanOutput] = lean.outputFiles;
  return { file, bytes: output?.bytes ?? 0, bytesWithoutSdk: leanOutput?.contents.length ?? 0 };
}

const ROOT = resolve(import.meta.dirname, '..');

/** zod brings its messages in fifty languages, a third of the bundle; Lockstep uses the English ones. */
const ENGLISH_ONLY: Plugin = {
  name: 'english-only',
  setup({ onLoad }) {
    const contents = "export { default as en } from './en.js';";
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents }));
  },
};

const OPTIONS = {
  absWorkingDir: ROOT,
  entryPoints: ['agents/main.ts'],
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  minify: true,
  legalComments: 'eof',
  logLevel: 'warning',
  plugins: [ENGLISH_ONLY],
  banner: {
    // CommonJS packages inside the bundle ask for Node's own modules with `require`, which a module lacks.
    js: [
      "import { createRequire as createRequireForBundle } from 'node:module';",
      'const require = createRequireForBundle(import.meta.url);',
    ].join('\n'),
  },
} satisfies BuildOptions;
