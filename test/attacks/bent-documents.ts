import { compressLines, decompressLines, digestOfLines } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from '#core/snapshot.ts';
import type { Control, Planned } from '#test/agents/control.ts';
import { withOperation } from '#test/agents/pair.ts';

/** The plan with a snapshot that somebody has bent, signed all the same: its source was the attacker. */
export async function withSnapshot(
  control: Control,
  planned: Planned,
  bend: (snapshot: Snapshot) => Snapshot,
): Promise<Planned> {
  const { snapshot: digest } = planned.header;
  const stored = await control.store.get(keys.snapshot(digest));
  const bent = encodeSnapshot(bend(decodeSnapshot(stored?.body ?? new Uint8Array(), digest)));
  await control.store.put(keys.snapshot(bent.digest), bent.bytes);
  return { ...planned, header: { ...planned.header, snapshot: bent.digest } };
}

/** The same with its newest index rewritten, line by line. */
export async function withIndex(
  control: Control,
  planned: Planned,
  bend: (lines: readonly IndexLine[]) => readonly unknown[],
): Promise<Planned> {
  const { store } = control;
  const read = async (key: string) => (await store.get(key))?.body ?? new Uint8Array();
  let bent: ReturnType<typeof digestOfLines> | undefined;
  const { snapshot } = planned.header;
  const [newest] = decodeSnapshot(await read(keys.snapshot(snapshot)), snapshot).indexes;
  if (newest !== undefined) {
    const [header = '', ...lines] = decompressLines('index', await read(keys.index(newest)));
    const rewritten = [header, ...bend(lines.map((line) => JSON.parse(line))).map((line) => JSON.stringify(line))];
    bent = digestOfLines(rewritten);
    await store.put(keys.index(bent), compressLines(rewritten));
  }
  return withSnapshot(control, planned, (one) => ({ ...one, indexes: bent === undefined ? [] : [bent] }));
}

/** docs/design.md, Snapshot and index. */
export type IndexLine =
  | [
      kind: 'chunk',
      sha256: string,
      pack: number,
      offset: number,
      length: number,
      size: number,
      encoding: string,
      ...bases: number[],
    ]
  | [kind: 'content', sha256: string, size: number, ...runs: [number, number][]];

/** What a pack becomes; `undefined`: it goes. */
export type BendPack = (pack: Buffer) => Uint8Array | undefined;

export async function bendPacks({ store }: Control, bend: BendPack): Promise<void> {
  for await (const { key } of store.list(keys.packs())) {
    const bent = bend(Buffer.from((await store.get(key))?.body ?? []));
    if (bent === undefined) await store.delete(key);
    else await store.put(key, bent);
  }
}

/** That an operation brings to this path. */
export function contentOf({ operations }: Planned, path: string): string {
  const operation = operations.find((one) => one.path === path);
  if (operation === undefined || !('sha256' in operation)) throw new Error(`nothing is brought to ${path}`);
  return operation.sha256;
}

/** A new file that should have 64 KiB, in a pack that is nothing but the bomb. */
export async function withBomb(control: Control, planned: Planned, bomb: Buffer): Promise<Planned> {
  const content = contentOf(planned, 'firmware/b.bin');
  const bent = await withIndex(control, planned, (lines) =>
    lines.map((line): IndexLine => {
      if (line[1] !== content) return line;
      if (line[0] === 'content') return ['content', content, 65_536, ...line.slice(3)] as IndexLine;
      return ['chunk', content, line[2], 0, bomb.length, 65_536, 'zstd'];
    }),
  );
  await bendPacks(control, () => bomb);
  return withOperation(bent, 'firmware/b.bin', { size: 65_536 });
}
