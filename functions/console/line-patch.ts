import { diffArrays } from 'diff';

/** Replaces lines: where in the former text, how many of them, and by which. */
export type LinePatch = readonly (readonly [at: number, removed: number, added: readonly string[]])[];

/** What makes one text of the other, in order; to be applied from the last to the first. */
export function linePatch(before: string, after: string): LinePatch {
  const patch: [number, number, readonly string[]][] = [];
  let at = 0;
  let open: [number, number, readonly string[]] | undefined;
  for (const { added, removed, value } of diffArrays(before.split('\n'), after.split('\n'))) {
    if (!added && !removed) {
      at += value.length;
      open = undefined;
      continue;
    }
    if (open === undefined) {
      open = [at, 0, []];
      patch.push(open);
    }
    if (removed) {
      open[1] += value.length;
      at += value.length;
    } else open[2] = [...open[2], ...value];
  }
  return patch;
}
