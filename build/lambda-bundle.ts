/** The functions on AWS, each with its memory in MB: docs/design.md says why as much. */
export const LAMBDA_FUNCTIONS = {
  hold: { memory: 256 },
  start: { memory: 256 },
  inventory: { memory: 512 },
  plan: { memory: 2048 },
  approval: { memory: 1024 },
  apply: { memory: 1024 },
  signal: { memory: 512 },
  report: { memory: 1024 },
  prune: { memory: 2048 },
} as const;

export type FunctionName = keyof typeof LAMBDA_FUNCTIONS;

/**
 * How esbuild makes one file of a function, for the stack and for the tests alike: with the AWS SDK inside, once, as it
 * was tested; that of the runtime is another one every few weeks, and loads slower for not being bundled.
 */
export const LAMBDA_BUNDLING = {
  format: 'esm',
  target: 'node24',
  minify: true,
  /** The SDK's modules in the form that esbuild can leave parts of out. */
  mainFields: ['module', 'main'],
  /** CommonJS packages inside the bundle ask for Node's own modules with `require`, which a module lacks. */
  banner: [
    "import { createRequire as createRequireForBundle } from 'node:module';",
    'const require = createRequireForBundle(import.meta.url);',
  ].join(''),
} as const;

/** 1 MB as Lambda counts it; beyond this a bundle is taken for a mistake. */
export const MOST_BUNDLE_BYTES = 2 ** 20;
