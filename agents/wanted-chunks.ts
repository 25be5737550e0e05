import type { Chunk, Recipe } from '#core/chunk-index.ts';
import { ChunkTable } from '#core/chunk-table.ts';
import type { Sha256 } from '#core/digest.ts';
import type { FilePiece } from './file-piece.ts';
import type { Dress } from './seal-files.ts';

export interface Wanted {
  /** Each content for a file of its own. */
  readonly files: readonly WantedFile[];
  /** A file for chunks that are only needed to decode others. */
  readonly scratch: string;
  /** Chunks that this server is known to have. */
  readonly own: ReadonlyMap<Sha256, FilePiece>;
}

export interface WantedFile {
  readonly path: string;
  readonly recipe: Recipe;
  /** For a file of one chunk: one that is fetched is then written in one go, and needs nothing more. */
  readonly dress?: Dress | undefined;
}

export interface Placement {
  readonly path: string;
  readonly position: number;
  /** Of a file that the chunk is the whole content of. */
  readonly dress?: Dress | undefined;
}

/** A place where a chunk belongs: its number among all places. */
export interface NumberedPiece {
  readonly chunk: number;
  readonly place: number;
  readonly piece: FilePiece;
}

/**
 * The chunks of some files and all that they are made from, by number: every place where each belongs, and where it is
 * by now. In columns, for a large file has tens of thousands; what is asked for comes as objects.
 */
export class WantedChunks {
  readonly #chunks = new ChunkTable();
  readonly #own: Map<Sha256, FilePiece>;
  /** The scratch file last. */
  readonly #paths: readonly string[];
  /** By file; only of one that is the very content of its one chunk, whatever its recipe says. */
  readonly #dresses: (Dress | undefined)[] = [];
  /** By place. */
  readonly #files: Uint32Array;
  readonly #positions: Float64Array;
  /** The next place of the same chunk. */
  readonly #next: Int32Array;
  readonly #isFilled: Uint8Array;
  /** By chunk: its first place, and where it is. */
  readonly #first: Int32Array;
  readonly #here: Int32Array;
  #places = 0;

  constructor({ files, own, scratch }: Wanted) {
    this.#own = new Map(own);
    this.#paths = [...files.map(({ path }) => path), scratch];
    const wanted = this.#placeAll(files);
    const most = wanted.length + this.#chunks.size;
    this.#files = new Uint32Array(most);
    this.#positions = new Float64Array(most);
    this.#next = new Int32Array(most);
    this.#isFilled = new Uint8Array(most);
    this.#first = new Int32Array(this.#chunks.size).fill(NONE);
    this.#here = Int32Array.from({ length: this.#chunks.size }, (_, chunk) =>
      own.has(this.#chunks.digestOf(chunk)) ? OWN : NONE,
    );
    let from = 0;
    for (const [file, { dress, recipe }] of files.entries()) {
      const end = from + recipe.chunks.length;
      const isOneChunk = end === from + 1 && this.#chunks.digestOf(wanted[from] ?? 0) === recipe.sha256;
      this.#dresses.push(isOneChunk ? dress : undefined);
      this.#addPlaces(file, wanted.subarray(from, end));
      from = end;
    }
    this.#addPlaces(files.length, this.#spare());
  }

  get size(): number {
    return this.#chunks.size;
  }

  /** Of chunks that only serve to decode others and are not in a file of the server's own. */
  get scratchBytes(): number {
    let bytes = 0;
    for (let chunk = 0; chunk < this.size; chunk++) {
      if (this.isSpare(chunk) && this.#here[chunk] !== OWN) bytes += this.sizeOf(chunk);
    }
    return bytes;
  }

  /** The number of the chunk with this digest, if it is one of them. */
  find(sha256: Sha256): number | undefined {
    return this.#chunks.find(sha256);
  }

  at(chunk: number): Chunk {
    return this.#chunks.at(chunk);
  }

  sizeOf(chunk: number): number {
    return this.#chunks.sizeOf(chunk);
  }

  packOf(chunk: number): number {
    return this.#chunks.packOf(chunk);
  }

  basesOf(chunk: number): readonly number[] {
    return this.#chunks.basesOf(chunk);
  }

  isSpare(chunk: number): boolean {
    return this.#files[this.#first[chunk] ?? 0] === this.#paths.length - 1;
  }

  isHere(chunk: number): boolean {
    return this.#here[chunk] !== NONE;
  }

  /** Where it can be read. */
  pieceOf(chunk: number): FilePiece | undefined {
    const here = this.#here[chunk] ?? NONE;
    if (here === OWN) return this.#own.get(this.#chunks.digestOf(chunk));
    return here === NONE ? undefined : this.#pieceAt(chunk, here);
  }

  /** Where it is still to be written. */
  placesOf(chunk: number): Placement[] {
    const places = [...this.#placesOf(chunk)].filter((place) => this.#isFilled[place] === 0);
    return places.map((place) => {
      const dress = this.#dresses[this.#files[place] ?? 0];
      return dress === undefined ? this.#at(place) : { ...this.#at(place), dress };
    });
  }

  /** At every place in files that `isAsked`. */
  *pieces(isAsked: (path: string) => boolean): Generator<NumberedPiece> {
    const asked = this.#paths.map(isAsked);
    for (let chunk = 0; chunk < this.size; chunk++) {
      for (const place of this.#placesOf(chunk)) {
        if (asked[this.#files[place] ?? 0] === true) yield { chunk, place, piece: this.#pieceAt(chunk, place) };
      }
    }
  }

  /** It was found there. */
  found({ chunk, place }: NumberedPiece): void {
    this.#here[chunk] = place;
    if (!this.isSpare(chunk)) this.#isFilled[place] = 1;
  }

  /** It lies there in a file of the server's own, and is on its way from there to all its places. */
  seeded(chunk: number, piece: FilePiece): void {
    this.#here[chunk] = OWN;
    this.#own.set(piece.sha256, piece);
    for (const place of this.#placesOf(chunk)) this.#isFilled[place] = 1;
  }

  /** It has been written to all its places. */
  written(chunk: number): void {
    for (const place of this.#placesOf(chunk)) if (this.#isFilled[place] === 0) this.#here[chunk] = place;
  }

  lost(chunk: number): void {
    this.#here[chunk] = NONE;
  }

  /** The numbers of the files' chunks, in order. */
  #placeAll(files: Wanted['files']): Uint32Array {
    const numbers = new Uint32Array(files.reduce((sum, { recipe }) => sum + recipe.chunks.length, 0));
    let at = 0;
    for (const { recipe } of files) for (const chunk of recipe.chunks) numbers[at++] = this.#chunks.place(chunk);
    return numbers;
  }

  /** The same order at every attempt, so that a restart finds what is there. */
  #spare(): Uint32Array {
    const spare: { readonly chunk: number; readonly sha256: Sha256 }[] = [];
    for (let chunk = 0; chunk < this.size; chunk++) {
      if (this.#first[chunk] === NONE) spare.push({ chunk, sha256: this.#chunks.digestOf(chunk) });
    }
    spare.sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
    return Uint32Array.from(spare, ({ chunk }) => chunk);
  }

  #addPlaces(file: number, chunks: Uint32Array): void {
    let position = 0;
    for (const chunk of chunks) {
      const place = this.#places++;
      this.#files[place] = file;
      this.#positions[place] = position;
      this.#next[place] = this.#first[chunk] ?? NONE;
      this.#first[chunk] = place;
      position += this.sizeOf(chunk);
    }
  }

  *#placesOf(chunk: number): Generator<number> {
    for (let place = this.#first[chunk] ?? NONE; place !== NONE; place = this.#next[place] ?? NONE) yield place;
  }

  #pieceAt(chunk: number, place: number): FilePiece {
    return { ...this.#at(place), size: this.sizeOf(chunk), sha256: this.#chunks.digestOf(chunk) };
  }

  #at(place: number): Omit<Placement, 'dress'> {
    return { path: this.#paths[this.#files[place] ?? 0] ?? '', position: this.#positions[place] ?? 0 };
  }
}

const NONE = -1;
/** In a file of the server's own. */
const OWN = -2;
