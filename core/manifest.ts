import * as z from 'zod';
import { isProtectedClass, UNRECOGNISED } from './classify.ts';
import { LineHasher, type Sha256, sha256Schema } from './digest.ts';
import { compressLines, decompressLines, parseLine } from './documents.ts';
import { InvalidDocument } from './errors.ts';
import { brokenPathRule, type RelativePath } from './path-rules.ts';
import { artifactClassSchema } from './profile.ts';
import { relativePathSchema } from './relative-path.ts';

const MANIFEST_FORMAT = 'lockstep-manifest/1';

const countSchema = z.int().nonnegative();

const fileFields = {
  class: artifactClassSchema,
  /** Permission bits; null where the file system has none (Windows). */
  mode: z.int().min(0).max(0o7777).nullable(),
  /** Milliseconds since 1970. */
  mtime: z.int(),
  path: relativePathSchema,
  sha256: sha256Schema,
  /** Bytes. */
  size: countSchema,
};

/** A file that travels. */
const artifactSchema = z.strictObject({ ...fileFields, kind: z.literal('artifact') });

/** A license or an identity: hashed for the proof, never uploaded, never written. */
const protectedSchema = z.strictObject({ ...fileFields, kind: z.literal('protected') });

/** An empty folder; its path ends with a slash, so that it sorts right before what it might contain elsewhere. */
export const folderPathSchema = z
  .string()
  .endsWith('/')
  .refine((path) => brokenPathRule(path.slice(0, -1)) === undefined, 'it breaks a path rule');

const folderSchema = z.strictObject({ kind: z.literal('folder'), path: folderPathSchema });

/** Seen and left alone: no rule names it, a link, a device, or a name that breaks a path rule. */
export const leftOutSchema = z.strictObject({
  kind: z.enum(['unrecognised', 'link', 'special', 'unnameable']),
  path: z.string().min(1).max(8192),
  /** Why, where the kind does not say it. */
  reason: z.string().max(300).optional(),
});

export const manifestEntrySchema = z.discriminatedUnion('kind', [
  artifactSchema,
  protectedSchema,
  folderSchema,
  leftOutSchema,
]);

export type Artifact = z.infer<typeof artifactSchema>;
export type LeftOut = z.infer<typeof leftOutSchema>;
export type ManifestEntry = z.infer<typeof manifestEntrySchema>;

const headerSchema = z.strictObject({ format: z.literal(MANIFEST_FORMAT), profile: sha256Schema });

/** What a manifest holds, small enough for a receipt. */
export const manifestSummarySchema = z.strictObject({
  /** SHA-256 over the uncompressed lines: the manifest's name. */
  manifest: sha256Schema,
  profile: sha256Schema,
  /** SHA-256 over path, class, size and SHA-256 of every artifact: equal states, equal digests. */
  state: sha256Schema,
  /** The same over the protected files. */
  protectedState: sha256Schema,
  artifacts: countSchema,
  bytes: countSchema,
  protected: countSchema,
  folders: countSchema,
  unrecognised: countSchema,
  links: countSchema,
  special: countSchema,
  unnameable: countSchema,
});

export type ManifestSummary = z.infer<typeof manifestSummarySchema>;

export interface Manifest {
  readonly summary: ManifestSummary;
  /** Sorted by path, in code units. */
  readonly entries: readonly ManifestEntry[];
}

/** Sorts and sums up what a scan found. Names that are not Unicode can come out as the same text: that is one entry. */
export function createManifest(profile: Sha256, found: readonly ManifestEntry[]): Manifest {
  const sorted = found.toSorted(byPath);
  const entries = sorted.filter(({ kind, path }, index) => kind !== 'unnameable' || path !== sorted[index - 1]?.path);
  return { summary: sumUpEntries(profile, entries), entries };
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  return compressLines(manifestLines(manifest.summary.profile, manifest.entries));
}

/** Parses bytes from the store; the digest that they must have is the caller's trust in them. */
export function decodeManifest(bytes: Uint8Array, expected: Sha256): Manifest {
  const what = `manifest ${expected}`;
  const lines = decompressLines(what, bytes)[Symbol.iterator]();
  const first = lines.next();
  if (first.done === true) throw new InvalidDocument(what, 'it is empty');
  const header = parseLine(what, headerSchema, first.value);
  const entries: ManifestEntry[] = [];
  let last = '';
  for (let line = lines.next(); line.done !== true; line = lines.next()) {
    if (entries.length >= MAX_ENTRIES) throw new InvalidDocument(what, `more than ${MAX_ENTRIES} entries`);
    const entry = parseLine(what, manifestEntrySchema, line.value);
    if (entry.path <= last) throw new InvalidDocument(what, `${JSON.stringify(entry.path)} is out of order`);
    assertClassFitsKind(what, entry);
    last = entry.path;
    entries.push(entry);
  }
  const summary = sumUpEntries(header.profile, entries);
  if (summary.manifest !== expected) throw new InvalidDocument(what, `its digest is ${summary.manifest}`);
  return { summary, entries };
}

export function isArtifact(entry: ManifestEntry): entry is Artifact {
  return entry.kind === 'artifact';
}

/** One line of a manifest, parsed; InvalidDocument for anything but what `encodeManifest` writes. */
export function parseManifestLine(what: string, line: string): ManifestEntry {
  const file = parseFileLine(line);
  if (file !== undefined) return file;
  const entry = parseLine(what, manifestEntrySchema, line);
  assertClassFitsKind(what, entry);
  if (manifestLine(entry) !== line) throw new InvalidDocument(what, 'a line of it is not in the canonical form');
  return entry;
}

export function parseManifestHeader(what: string, line: string): Sha256 {
  const { profile } = parseLine(what, headerSchema, line);
  if (headerLine(profile) !== line) throw new InvalidDocument(what, 'its header is not in the canonical form');
  return profile;
}

/** `undefined` for whatever is not plainly a good file line: a parser is to say what it is. */
function parseFileLine(line: string): Extract<ManifestEntry, Pick<Artifact, 'sha256'>> | undefined {
  const match = FILE_LINE.exec(line);
  if (match === null) return undefined;
  const [, artifactClass = '', kind, mode, mtime, path = '', sha256 = '', size] = match;
  const isProtected = kind === 'protected';
  if (isProtectedClass(artifactClass) !== isProtected || artifactClass === UNRECOGNISED) return undefined;
  if (brokenPathRule(path) !== undefined) return undefined;
  return {
    class: artifactClass,
    kind: isProtected ? 'protected' : 'artifact',
    mode: mode === 'null' ? null : Number(mode),
    mtime: Number(mtime),
    path: path as RelativePath,
    sha256: sha256 as Sha256,
    size: Number(size),
  };
}

/** One artifact's share of a state digest. */
export function stateLine(file: Pick<Artifact, 'class' | 'path' | 'sha256' | 'size'>): string {
  return `{"class":"${file.class}","path":${JSON.stringify(file.path)},"sha256":"${file.sha256}","size":${file.size}}`;
}

function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

export function* manifestLines(profile: Sha256, entries: readonly ManifestEntry[]): Generator<string> {
  yield headerLine(profile);
  for (const entry of entries) yield manifestLine(entry);
}

export function headerLine(profile: Sha256): string {
  return JSON.stringify({ format: MANIFEST_FORMAT, profile });
}

/** Canonical by construction (RFC 8785): keys in order, strings and safe integers only. */
function manifestLine(entry: ManifestEntry): string {
  switch (entry.kind) {
    case 'artifact':
    case 'protected': {
      const { class: artifactClass, kind, mode, mtime, path, sha256, size } = entry;
      return `{"class":"${artifactClass}","kind":"${kind}","mode":${mode},"mtime":${mtime},"path":${JSON.stringify(path)},"sha256":"${sha256}","size":${size}}`;
    }
    case 'folder':
      return JSON.stringify({ kind: entry.kind, path: entry.path });
    case 'unrecognised':
    case 'link':
    case 'special':
    case 'unnameable':
      return JSON.stringify({ kind: entry.kind, path: entry.path, reason: entry.reason });
  }
}

/** They have to come sorted by path. */
export function sumUpEntries(profile: Sha256, entries: Iterable<ManifestEntry>): ManifestSummary {
  const sum = new ManifestSum(profile);
  for (const entry of entries) sum.add(entry);
  return sum.summary();
}

class ManifestSum {
  readonly #profile: Sha256;
  readonly #manifest = new LineHasher();
  readonly #state = new LineHasher();
  readonly #protectedState = new LineHasher();
  readonly #counts = new EntryCounts();

  constructor(profile: Sha256) {
    this.#profile = profile;
    this.#manifest.add(headerLine(profile));
  }

  add(entry: ManifestEntry): void {
    this.#manifest.add(manifestLine(entry));
    this.#counts.add(entry);
    if (entry.kind === 'artifact') this.#state.add(stateLine(entry));
    else if (entry.kind === 'protected') this.#protectedState.add(stateLine(entry));
  }

  summary(): ManifestSummary {
    return {
      manifest: this.#manifest.digest(),
      profile: this.#profile,
      state: this.#state.digest(),
      protectedState: this.#protectedState.digest(),
      ...this.#counts.totals,
    };
  }
}

/** How many entries there are of each kind, and the bytes that travel. */
export class EntryCounts {
  readonly totals = {
    artifacts: 0,
    bytes: 0,
    protected: 0,
    folders: 0,
    unrecognised: 0,
    links: 0,
    special: 0,
    unnameable: 0,
  };

  add(entry: { readonly kind: ManifestEntry['kind']; readonly size?: number }): void {
    this.totals[COUNTED_AS[entry.kind]]++;
    if (entry.kind === 'artifact') this.totals.bytes += entry.size ?? 0;
  }
}

const COUNTED_AS = {
  artifact: 'artifacts',
  protected: 'protected',
  folder: 'folders',
  unrecognised: 'unrecognised',
  link: 'links',
  special: 'special',
  unnameable: 'unnameable',
} as const satisfies Record<ManifestEntry['kind'], keyof ManifestSummary>;

function assertClassFitsKind(what: string, entry: ManifestEntry): void {
  if (entry.kind !== 'artifact' && entry.kind !== 'protected') return;
  if (isProtectedClass(entry.class) !== (entry.kind === 'protected')) {
    throw new InvalidDocument(
      what,
      `${JSON.stringify(entry.path)} has class ${entry.class} but is said to be ${entry.kind}`,
    );
  }
}

export const MAX_ENTRIES = 5_000_000;

/**
 * The canonical form of a file whose path needs no escapes and whose numbers are of ordinary length. What may not be in
 * a path at all is left to the path rules.
 */
const FILE_LINE =
  /^\{"class":"([a-z][a-z0-9-]{0,39})","kind":"(artifact|protected)","mode":(null|0|[1-9]\d{0,2}|[1-3]\d{3}),"mtime":(0|-?[1-9]\d{0,14}),"path":"([^"\\]+)","sha256":"([0-9a-f]{64})","size":(0|[1-9]\d{0,14})\}$/;
