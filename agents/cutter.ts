import { type CutSizes, GEAR, limitsOf, WINDOW } from './gear.ts';
import { gearModule, TABLE_BYTES } from './gear-module.ts';

/** Memory in which bytes can be cut where they lie. */
export interface CuttingBlock {
  readonly bytes: Buffer;
  /**
   * Length of the chunk that begins at `start`, or 0 when the bytes up to `end` do not say: never 0 once `isEnd`, the
   * file ending there, or once they hold a longest chunk. Another cutter would change which chunks there are, never
   * what a reader needs to know.
   */
  cut(range: { readonly start: number; readonly end: number; readonly isEnd: boolean }, sizes: CutSizes): number;
}

export function createCuttingBlock(size: number): CuttingBlock {
  const { cut, memory } = new WebAssembly.Instance(GEAR_MODULE).exports as unknown as GearExports;
  memory.grow(Math.ceil((TABLE_BYTES + size) / PAGE_BYTES));
  const table = Buffer.from(memory.buffer, 0, TABLE_BYTES);
  for (const [byte, number] of GEAR.entries()) table.writeUInt32LE(number, byte * 4);
  const bytes = Buffer.from(memory.buffer, TABLE_BYTES, size);
  return {
    bytes,
    cut: ({ end, isEnd, start }, sizes) => {
      const there = end - start;
      const length = Math.min(there, sizes.longest);
      const isWhole = isEnd || there >= sizes.longest;
      if (length <= sizes.smallest) return isWhole ? length : 0;
      const { frequent, rare } = limitsOf(sizes);
      const base = TABLE_BYTES + start;
      const normal = base + Math.min(sizes.normal, length);
      const first = base + sizes.smallest;
      const found = cut(first - WINDOW, first, normal, base + length, rare, frequent);
      return found === 0 ? (isWhole ? length : 0) : found - base;
    },
  };
}

interface GearExports {
  readonly memory: WebAssembly.Memory;
  cut(at: number, first: number, normal: number, end: number, rare: number, frequent: number): number;
}

const GEAR_MODULE = new WebAssembly.Module(gearModule());
const PAGE_BYTES = 64 * 1024;
