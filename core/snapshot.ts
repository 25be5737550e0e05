import { z } from 'zod';
import { canonicalJson } from './canonical-json.ts';
import { LineHasher, type Sha256, sha256Schema } from './digest.ts';
import { compressLines, decompressLines, parseJson, parseValue } from './documents.ts';
import { InvalidDocument } from './errors.ts';

const SNAPSHOT_FORMAT = 'lockstep-snapshot/1';

const countSchema = z.int().nonnegative();

/** How a chunk's bytes lie in its pack. */
export const encodingSchema = z.enum(['raw', 'zstd']);

export type Encoding = z.infer<typeof encodingSchema>;

/** Where the bytes of a chunk lie: `length` encoded bytes at `offset` of a pack, `size` bytes when decoded. */
const chunkSchema = z.strictObject({
  pack: sha256Schema,
  offset: countSchema,
  length: countSchema.max(64 * 1024 * 1024),
  size: countSchema.max(64 * 1024 * 1024),
  encoding: encodingSchema,
  sha256: sha256Schema,
});

export type Chunk = z.infer<typeof chunkSchema>;

/** The chunks of one file content, in order. */
const recipeSchema = z
  .strictObject({ sha256: sha256Schema, size: countSchema, chunks: z.array(chunkSchema) })
  .refine(
    (recipe) => recipe.chunks.reduce((sum, chunk) => sum + chunk.size, 0) === recipe.size,
    'its chunks do not add up',
  );

export type Recipe = z.infer<typeof recipeSchema>;

const headerSchema = z.strictObject({ format: z.literal(SNAPSHOT_FORMAT), manifest: sha256Schema });

/** A manifest whose content is in the store: one recipe per distinct content, sorted by SHA-256. */
export interface Snapshot {
  readonly manifest: Sha256;
  readonly recipes: ReadonlyMap<Sha256, Recipe>;
}

export function encodeSnapshot(snapshot: Snapshot): { readonly digest: Sha256; readonly bytes: Uint8Array } {
  const lines = [...snapshotLines(snapshot)];
  return { digest: digestOf(lines), bytes: compressLines(lines) };
}

export function decodeSnapshot(bytes: Uint8Array, expected: Sha256): Snapshot {
  const what = `snapshot ${expected}`;
  const lines = [...decompressLines(what, bytes)];
  const [first, ...rest] = lines;
  if (first === undefined) throw new InvalidDocument(what, 'it is empty');
  if (digestOf(lines) !== expected) throw new InvalidDocument(what, 'its digest differs');
  const { manifest } = parseValue(what, headerSchema, parseJson(what, first));
  const recipes = new Map<Sha256, Recipe>();
  let last = '';
  for (const line of rest) {
    const recipe = parseValue(what, recipeSchema, parseJson(what, line));
    if (recipe.sha256 <= last) throw new InvalidDocument(what, `content ${recipe.sha256} is out of order`);
    last = recipe.sha256;
    recipes.set(recipe.sha256, recipe);
  }
  return { manifest, recipes };
}

function* snapshotLines(snapshot: Snapshot): Generator<string> {
  yield canonicalJson({ format: SNAPSHOT_FORMAT, manifest: snapshot.manifest });
  const recipes = [...snapshot.recipes.values()].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  for (const recipe of recipes) yield canonicalJson(recipe);
}

function digestOf(lines: readonly string[]): Sha256 {
  const hasher = new LineHasher();
  for (const line of lines) hasher.add(line);
  return hasher.digest();
}
