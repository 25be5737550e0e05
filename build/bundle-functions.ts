import { cp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { ENGLISH_ONLY } from './english-only.ts';
import { type FunctionName, LAMBDA_FUNCTIONS } from './lambda-bundle.ts';

export interface FunctionBundle {
  readonly name: FunctionName;
  readonly file: string;
  readonly bytes: number;
  /** Of the AWS SDK: `kms`, `s3`. */
  readonly clients: readonly string[];
  /** Packages of the AWS SDK that are there in a second version. */
  readonly nested: readonly string[];
}

/** Each function in a folder of its own, as the stack deploys it. */
export async function bundleFunctions(folder: string): Promise<FunctionBundle[]> {
  const names = Object.keys(LAMBDA_FUNCTIONS) as FunctionName[];
  return await Promise.all(names.map((name) => bundleFunction(name, join(folder, name))));
}

/** In one file, and beside it what it reads. */
export async function bundleFunction(name: FunctionName, folder: string): Promise<FunctionBundle> {
  const file = join(folder, 'index.mjs');
  const { metafile } = await build({ ...SHARED, entryPoints: [`functions/${name}/handler.ts`], outfile: file });
  const beside = Object.entries(FILES_BESIDE[name] ?? {});
  await Promise.all(beside.map(([to, from]) => cp(join(ROOT, from), join(folder, to), { recursive: true })));
  const [output] = Object.values(metafile.outputs);
  const used = Object.keys(output?.inputs ?? {});
  const clients = used.flatMap((path) => /node_modules\/@aws-sdk\/client-([^/]+)\//.exec(path)?.[1] ?? []);
  return {
    name,
    file,
    bytes: output?.bytes ?? 0,
    clients: [...new Set(clients)].sort(),
    nested: used.filter((path) => /node_modules\/.*node_modules\/@(?:aws-sdk|smithy)\//.test(path)),
  };
}

/** Found by the code by its own address. Folders and files, from the root of the project. */
const FILES_BESIDE: Partial<Record<FunctionName, Readonly<Record<string, string>>>> = {
  console: { assets: 'functions/console/assets' },
};

/** It brings an adapter for each of a dozen databases. */
const LIMITS_IN_MEMORY: Plugin = {
  name: 'limits-in-memory',
  setup({ onLoad }) {
    const kept = ['RateLimiterMemory', 'RateLimiterRes'];
    const contents = kept.map((name) => `export { default as ${name} } from './lib/${name}.js';`).join('\n');
    onLoad({ filter: /[\\/]rate-limiter-flexible[\\/]index\.js$/ }, () => ({ contents }));
  },
};

const ROOT = resolve(import.meta.dirname, '..');

/**
 * With the AWS SDK inside, once, as it was tested; that of the runtime is another one every few weeks, and loads slower
 * for not being bundled.
 */
const SHARED = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  minify: true,
  // The SDK's modules in the form that esbuild can leave parts of out.
  mainFields: ['module', 'main'],
  alias: { '@aws-sdk/credential-provider-node': './build/role-credentials.ts' },
  plugins: [ENGLISH_ONLY, LIMITS_IN_MEMORY],
  banner: {
    // CommonJS packages inside the bundle ask for Node's own modules with `require`, which a module lacks.
    js: [
      "import { createRequire as createRequireForBundle } from 'node:module';",
      'const require = createRequireForBundle(import.meta.url);',
    ].join(''),
  },
  metafile: true,
  logLevel: 'warning',
} as const satisfies BuildOptions;
