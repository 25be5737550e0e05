/** What an apply does, in its order; the undo can come instead of everything from the verification on. */
export const STEPS = [
  'start',
  'look',
  'stage',
  'journal',
  'swap',
  'verify',
  'commit',
  'undo',
  'answer',
  'clean up',
] as const;

export type Step = (typeof STEPS)[number];

interface Landmark {
  readonly to: Step;
  /** Of `name path`. */
  readonly call: RegExp;
  /** Steps that it ends; any when there are none. */
  readonly from?: readonly Step[];
}

const AFTER_THE_SWAP: readonly Step[] = ['swap', 'verify', 'commit', 'undo', 'answer', 'clean up'];

/** Calls that only the beginning of a step makes. */
const LANDMARKS: readonly Landmark[] = [
  { to: 'look', call: /^(stat|open|readFile) state\/stat-index$/, from: ['start'] },
  { to: 'stage', call: /^mkdirSync root\/\.lockstep$/, from: ['start', 'look'] },
  { to: 'journal', call: /^open root\/\.lockstep\/.*journal/, from: ['stage'] },
  { to: 'swap', call: /^(link|rename|rmdir|mkdir)Sync root\//, from: ['journal'] },
  { to: 'verify', call: /^(stat|open|readFile) state\/stat-index$/, from: ['journal', 'swap'] },
  { to: 'commit', call: /^open root\/\.lockstep\/.*receipt/ },
  { to: 'undo', call: /^open root\/\.lockstep\/.*undo\.json/ },
  { to: 'answer', call: /^(open state\/(unsent-receipt|state)|rm state\/unsent-receipt)/, from: AFTER_THE_SWAP },
  { to: 'clean up', call: /^(rm|unlink)(Sync)? root\/\.lockstep\/.*journal\.ndjson$/ },
];

export function stepAfter(step: Step, { name, path }: { readonly name: string; readonly path: string }): Step {
  const call = `${name} ${path}`;
  return LANDMARKS.find(({ call: pattern, from }) => (from?.includes(step) ?? true) && pattern.test(call))?.to ?? step;
}
