import { LineHasher, type Sha256 } from './digest.ts';
import { decompressBlocks, utf8 } from './documents.ts';
import { InvalidDocument } from './errors.ts';
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
import { brokenPathRule } from './path-rules.ts';
import { isProtectedClass, UNRECOGNISED } from './profile.ts';

/** A manifest as it lies in the store: not yet known to be what its digest says. */
export interface StoredManifest {
  /** For what is said about it. */
  readonly what: string;
  readonly digest: Sha256;
  readonly bytes: Uint8Array;
}

/** A file's line, taken apart without being parsed. */
export interface FileLine {
  readonly kind: 'artifact' | 'protected';
  readonly class: string;
  readonly path: string;
  readonly size: number;
  /** Its share of a state digest. */
  readonly state: string;
}

export type SeenEntry = FileLine | ManifestEntry;

/**
 * Reads a stored manifest line by line, as strict as `decodeManifest`, without ever holding it. The digest is known to
 * be right only at the end, so nothing that was read before may be used until `finish` has returned.
 */
export class ManifestReader {
  readonly #what: string;
  readonly #expected: Sha256;
  readonly #blocks: Iterator<Buffer>;
  readonly #lines = new LineHasher();
  readonly #profile: Sha256;
  readonly #state = new LineHasher();
  readonly #protectedState = new LineHasher();
  readonly #counts = new EntryCounts();
  #text = '';
  #at = 0;
  #entries = 0;
  #lastPath = '';
  #line: string | undefined;

  constructor({ bytes, digest, what }: StoredManifest) {
    this.#what = what;
    this.#expected = digest;
    this.#blocks = decompressBlocks(this.#what, bytes);
    this.#advance();
    if (this.#line === undefined) throw new InvalidDocument(this.#what, 'it is empty');
    this.#profile = parseManifestHeader(this.#what, this.#line);
    this.#advance();
  }

  /** The line that comes next; `undefined` at the end. */
  get line(): string | undefined {
    return this.#line;
  }

  /** For state lines that more than one side counts. */
  get state(): LineHasher {
    return this.#state;
  }

  /** The next line taken apart, or parsed where that is not enough. */
  see(): SeenEntry | undefined {
    if (this.#line === undefined) return undefined;
    return takeApart(this.#line) ?? parseManifestLine(this.#what, this.#line);
  }

  /** The next line parsed. */
  parse(): ManifestEntry | undefined {
    return this.#line === undefined ? undefined : parseManifestLine(this.#what, this.#line);
  }

  /** Goes on to the line after `seen`. An artifact's share of the state is counted here unless the caller does that. */
  pass(seen: SeenEntry, countsState = true): void {
    if (seen.path <= this.#lastPath) {
      throw new InvalidDocument(this.#what, `${JSON.stringify(seen.path)} is out of order`);
    }
    if (++this.#entries > MAX_ENTRIES) throw new InvalidDocument(this.#what, `more than ${MAX_ENTRIES} entries`);
    this.#lastPath = seen.path;
    this.#count(seen, countsState);
    this.#advance();
  }

  /** Throws InvalidDocument when it was not the manifest that its name says. */
  finish(): ManifestSummary {
    const manifest = this.#lines.digest();
    if (manifest !== this.#expected) throw new InvalidDocument(this.#what, `its digest is ${manifest}`);
    return {
      manifest,
      profile: this.#profile,
      state: this.#state.digest(),
      protectedState: this.#protectedState.digest(),
      ...this.#counts.totals,
    };
  }

  #count(seen: SeenEntry, countsState: boolean): void {
    this.#counts.add(seen);
    if (seen.kind === 'protected') this.#protectedState.add(stateOf(seen));
    else if (seen.kind === 'artifact' && countsState) this.#state.add(stateOf(seen));
  }

  #advance(): void {
    if (this.#at >= this.#text.length) {
      const next = this.#blocks.next();
      if (next.done === true) {
        this.#line = undefined;
        return;
      }
      this.#lines.addText(next.value);
      this.#text = utf8(this.#what, next.value);
      this.#at = 0;
    }
    const end = this.#text.indexOf('\n', this.#at);
    this.#line = this.#text.slice(this.#at, end);
    this.#at = end + 1;
  }
}

/** All entries; throws InvalidDocument, at the end at the latest, when it is not the manifest that its name says. */
export function* entriesOf(stored: StoredManifest): Generator<SeenEntry> {
  const reader = new ManifestReader(stored);
  for (let seen = reader.see(); seen !== undefined; seen = reader.see()) {
    yield seen;
    reader.pass(seen);
  }
  reader.finish();
}

export function isLeftOut(entry: SeenEntry): entry is LeftOut {
  return entry.kind !== 'artifact' && entry.kind !== 'protected' && entry.kind !== 'folder';
}

export function stateOf(file: FileLine | Extract<ManifestEntry, { readonly sha256: Sha256 }>): string {
  return 'state' in file ? file.state : stateLine(file);
}

/** `undefined` for whatever is not plainly a good file line: a parser is to say what it is. */
function takeApart(line: string): FileLine | undefined {
  const match = FILE_LINE.exec(line);
  if (match === null) return undefined;
  const [, artifactClass = '', kind, tail = '', path = '', size = ''] = match;
  const isProtected = kind === 'protected';
  if (isProtectedClass(artifactClass) !== isProtected || artifactClass === UNRECOGNISED) return undefined;
  if (brokenPathRule(path) !== undefined) return undefined;
  return {
    kind: isProtected ? 'protected' : 'artifact',
    class: artifactClass,
    path,
    size: Number(size),
    state: `{"class":"${artifactClass}",${tail}`,
  };
}

/**
 * The canonical form of a file whose path needs no escapes and whose numbers are of ordinary length. What may not be in
 * a path at all is left to the path rules.
 */
const FILE_LINE =
  /^\{"class":"([a-z][a-z0-9-]{0,39})","kind":"(artifact|protected)","mode":(?:null|0|[1-9]\d{0,2}|[1-3]\d{3}),"mtime":(?:0|-?[1-9]\d{0,14}),("path":"([^"\\]+)","sha256":"[0-9a-f]{64}","size":(0|[1-9]\d{0,14})\})$/;
