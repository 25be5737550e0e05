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
  console: { memory: 1024 },
} as const;

export type FunctionName = keyof typeof LAMBDA_FUNCTIONS;

/** Beyond this a bundle is taken for a mistake. The console has all of zod in it, by which its API describes itself. */
export function mostBundleBytes(name: FunctionName): number {
  return name === 'console' ? 1_250_000 : 1_000_000;
}
