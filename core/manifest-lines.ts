import { createHash } from 'node:crypto';
import { type Hasher, LineHasher, type Sha256 } from './digest.ts';
import { utf8 } from './documents.ts';
import { InvalidDocument } from './errors.ts';
import { freeBytes } from './free-bytes.ts';
import {
  EntryCounts,
  type LeftOut,
  MAX_ENTRIES,
  type ManifestEntry,
  type ManifestSummary,
  parseManifestHeader,
  parseManifestLine,
  stateLine,
} from './manifest.ts';
import { manifestBlocks } from './manifest-layers.ts';
import { PlainLines, type StretchRead } from './plain-lines.ts';

/** A manifest as it lies in the store: not yet known to be what its digest says. */
export interface StoredManifest {
  /** For what is said about it. */
  readonly what: string;
  readonly digest: Sha256;
  /** The object of that name, and as long as one is a delta, the one that it is based on. */
  readonly layers: readonly Uint8Array[];
}

/** Any manifest, as blocks of whole lines; the reader gives each block's memory back. */
export interface ManifestBlocks extends Pick<StoredManifest, 'what' | 'digest'> {
  readonly blocks: Iterator<Buffer>;
}

export function openManifest({ digest, layers, what }: StoredManifest, newHasher?: () => Hasher): ManifestReader {
  return new ManifestReader({ what, digest, blocks: manifestBlocks(what, layers) }, newHasher);
}

/**
 * Reads a manifest line by line, as strict as `decodeManifest`, without ever holding it. The digest is known to
 * be right only at the end, so nothing that was read before may be used until `finish` has returned.
 */
export class ManifestReader {
  readonly #what: string;
  readonly #expected: Sha256;
  readonly #blocks: Iterator<Buffer>;
  readonly #lines: LineHasher;
  readonly #profile: Sha256;
  readonly #state: LineHasher;
  readonly #protectedState: LineHasher;
  readonly #counts = new EntryCounts();
  #block: Buffer = Buffer.alloc(0);
  #at = 0;
  #entries = 0;
  #lastPath = '';
  #seen: ManifestEntry | undefined;

  constructor({ blocks, digest, what }: ManifestBlocks, newHasher: () => Hasher = () => createHash('sha256')) {
    this.#what = what;
    this.#lines = new LineHasher(newHasher());
    this.#state = new LineHasher(newHasher());
    this.#protectedState = new LineHasher(newHasher());
    this.#expected = digest;
    this.#blocks = blocks;
    this.#enterBlock();
    if (this.isAtEnd) throw new InvalidDocument(this.#what, 'it is empty');
    this.#profile = parseManifestHeader(this.#what, this.line);
    this.#advance(this.#lineEnd());
  }

  get isAtEnd(): boolean {
    return this.#block.length === 0;
  }

  /** For the shares of lines that PlainLines has read. */
  get state(): LineHasher {
    return this.#state;
  }

  /** Lines that have been loaded, from the next one on; good until that one is passed. */
  get ahead(): { readonly block: Buffer; readonly start: number } {
    return { block: this.#block, start: this.#at };
  }

  /** The next line as it stands. */
  get line(): string {
    return utf8(this.#what, this.#block.subarray(this.#at, this.#lineEnd() - 1));
  }

  /** The next line parsed; `undefined` at the end. */
  see(): ManifestEntry | undefined {
    if (this.isAtEnd) return undefined;
    this.#seen ??= parseManifestLine(this.#what, this.line);
    return this.#seen;
  }

  /** Goes on to the line after `seen`, which is the next one or has the same bytes. */
  pass(seen: ManifestEntry): void {
    if (seen.path <= this.#lastPath) {
      throw new InvalidDocument(this.#what, `${JSON.stringify(seen.path)} is out of order`);
    }
    this.#counts.add(seen);
    if (seen.kind === 'artifact') this.#state.add(stateLine(seen));
    else if (seen.kind === 'protected') this.#protectedState.add(stateLine(seen));
    this.#goOn(this.#lineEnd() - this.#at, { lines: 1, lastPath: seen.path });
  }

  /** Goes on behind lines that PlainLines has read, here or on another side where they are the same. */
  passPlain(read: StretchRead): void {
    if (read.length > 0) this.#goOn(read.length, read);
  }

  /** Goes on without a look at so many bytes of lines; to be used where nothing but the digest is asked for. */
  skip(length: number): void {
    this.#goOn(length, { lines: 0, lastPath: '' });
  }

  /** At the end; throws InvalidDocument when it was not the manifest that its name says. */
  assertDigest(): Sha256 {
    const manifest = this.#lines.digest();
    if (manifest !== this.#expected) throw new InvalidDocument(this.#what, `its digest is ${manifest}`);
    return manifest;
  }

  /** Throws InvalidDocument when it was not the manifest that its name says. `plain` has counted the other lines. */
  finish(plain: Pick<PlainLines, 'lines' | 'bytes'>): ManifestSummary {
    const manifest = this.assertDigest();
    const { artifacts, bytes, ...others } = this.#counts.totals;
    return {
      manifest,
      profile: this.#profile,
      state: this.#state.digest(),
      protectedState: this.#protectedState.digest(),
      ...others,
      artifacts: artifacts + plain.lines,
      bytes: bytes + plain.bytes,
    };
  }

  #lineEnd(): number {
    return this.#block.indexOf(LINE_FEED, this.#at) + 1;
  }

  #goOn(length: number, { lastPath, lines }: Pick<StretchRead, 'lastPath' | 'lines'>): void {
    this.#entries += lines;
    if (this.#entries > MAX_ENTRIES) throw new InvalidDocument(this.#what, `more than ${MAX_ENTRIES} entries`);
    this.#lastPath = lastPath;
    this.#advance(this.#at + length);
  }

  #advance(to: number): void {
    this.#seen = undefined;
    this.#at = to;
    if (to === this.#block.length) this.#enterBlock();
  }

  #enterBlock(): void {
    freeBytes(this.#block);
    const next = this.#blocks.next();
    this.#block = next.done === true ? Buffer.alloc(0) : next.value;
    this.#at = 0;
    this.#lines.addText(this.#block);
  }
}

/** How many bytes of whole lines are the same before both. */
export function commonLines(ours: ManifestReader, theirs: ManifestReader): number {
  const [a, b] = [ours.ahead, theirs.ahead];
  const most = Math.min(a.block.length - a.start, b.block.length - b.start);
  let same = 0;
  for (let step = LONGEST_STEP; step >= 1; step = Math.floor(step / 8)) {
    while (same < most) {
      const [from, other, length] = [a.start + same, b.start + same, Math.min(step, most - same)];
      if (a.block.compare(b.block, other, other + length, from, from + length) !== 0) break;
      same += length;
    }
  }
  const end = same === 0 ? 0 : a.block.lastIndexOf(LINE_FEED, a.start + same - 1) + 1;
  return Math.max(end - a.start, 0);
}

/** All entries; throws InvalidDocument, at the end at the latest, when it is not the manifest that its name says. */
export function* entriesOf(stored: StoredManifest): Generator<ManifestEntry> {
  const reader = openManifest(stored);
  for (let seen = reader.see(); seen !== undefined; seen = reader.see()) {
    yield seen;
    reader.pass(seen);
  }
  reader.finish(NO_PLAIN_LINES);
}

/** As strict as `entriesOf`. */
export function summaryOf(stored: StoredManifest): ManifestSummary {
  const reader = openManifest(stored);
  for (let seen = reader.see(); seen !== undefined; seen = reader.see()) reader.pass(seen);
  return reader.finish(NO_PLAIN_LINES);
}

/** The first of those that were seen and left alone; as strict as `entriesOf`. */
export function findLeftOut(stored: StoredManifest, most: number): LeftOut[] {
  const found: LeftOut[] = [];
  const reader = openManifest(stored);
  const plain = new PlainLines((states) => reader.state.addText(states));
  for (let seen = reader.see(); seen !== undefined; seen = reader.see()) {
    if (isLeftOut(seen) && found.length < most) found.push(seen);
    plain.flush();
    reader.pass(seen);
    const { block, start } = reader.ahead;
    const read = plain.read(block, { start, end: block.length, last: seen.path });
    reader.passPlain(read);
  }
  // To its end: only then are the bytes known to be the right ones.
  reader.finish(plain);
  return found;
}

function isLeftOut(entry: ManifestEntry): entry is LeftOut {
  return entry.kind !== 'artifact' && entry.kind !== 'protected' && entry.kind !== 'folder';
}

const NO_PLAIN_LINES = { lines: 0, bytes: 0 };
const LINE_FEED = 0x0a;
/** Bytes; then an eighth of it, and so on down to one. */
const LONGEST_STEP = 32_768;
