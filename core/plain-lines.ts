import { isProtectedClass } from './classify.ts';
import { artifactClassSchema } from './profile.ts';

/** A part of a block of lines, and what was before it. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  /** The path of the line before. */
  readonly last: string;
}

/** What was read of one: it ends before the first line that is not plain. */
export interface StretchRead {
  /** Bytes. */
  readonly length: number;
  readonly lines: number;
  readonly lastPath: string;
}

/**
 * Reads the lines of artifacts as bytes, as strictly as the parser does, at about a nanosecond a byte. At whatever is
 * not plainly right it stops: another kind, a path of more than ASCII words, anything wrong or out of order. What that
 * is, the parser is to say.
 */
export class PlainLines {
  /** Of all so far. */
  lines = 0;
  /** Bytes of the files that they say. */
  bytes = 0;
  /**
   * Lengths of those files' paths that the last path begins with, shortest first: where a path is both a file's and a
   * folder's, the two may have others between them. The caller may change them between two stretches.
   */
  readonly above: number[] = [];
  readonly #classes = new Map<string, PlainClass>();
  readonly #onState: (lines: Uint8Array) => void;
  readonly #staged = Buffer.allocUnsafe(STAGED_BYTES);
  #fill = 0;
  #class: PlainClass | undefined;
  /** The same block, for where several bytes can be looked at in one go. */
  #view: DataView = new DataView(new ArrayBuffer(0));
  #viewed: Buffer | undefined;
  #pathStart = 0;
  #pathEnd = 0;
  #common = 0;

  /** `onState` gets the files' shares of a state digest; the bytes are good only during the call. */
  constructor(onState: (lines: Uint8Array) => void) {
    this.#onState = onState;
  }

  linesByClass(): readonly (readonly [artifactClass: string, lines: number])[] {
    return [...this.#classes].map(([name, { lines }]) => [name, lines]);
  }

  read(block: Buffer, { end, last, start }: Stretch): StretchRead {
    this.#lookAt(block);
    const linesBefore = this.lines;
    let before: Buffer = Buffer.from(last);
    this.#pathStart = 0;
    this.#pathEnd = before.length;
    // Beyond ASCII, bytes are in another order than code units, and paths of another length.
    let at = before.length === last.length ? start : end;
    while (at < end) {
      const next = this.#readLine(block, at, before);
      if (next === STOP) break;
      at = next;
      before = block;
    }
    if (before !== block) return { length: 0, lines: 0, lastPath: last };
    const lastPath = block.toString('latin1', this.#pathStart, this.#pathEnd);
    return { length: at - start, lines: this.lines - linesBefore, lastPath };
  }

  /** Hands out what waits; to be called before states are counted otherwise. */
  flush(): void {
    if (this.#fill > 0) this.#onState(this.#staged.subarray(0, this.#fill));
    this.#fill = 0;
  }

  #lookAt(block: Buffer): void {
    if (block === this.#viewed) return;
    this.#viewed = block;
    this.#view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  }

  /** Where the next line begins. Nothing that is looked for holds a line feed, so nothing looks beyond the line. */
  #readLine(block: Buffer, line: number, before: Buffer): number {
    const artifactClass = this.#classAt(block, line);
    if (artifactClass === undefined) return STOP;
    const modeEnd = endOfMode(block, line + artifactClass.prefix.length);
    if (!standsAt(block, modeEnd, MTIME)) return STOP;
    const mtimeEnd = endOfTime(block, modeEnd + MTIME.length);
    if (!standsAt(block, mtimeEnd, PATH)) return STOP;
    const pathStart = mtimeEnd + PATH.length;
    const pathEnd = this.#endOfPath(block, pathStart, before);
    if (!standsAt(block, pathEnd, SHA256)) return STOP;
    const digestEnd = endOfDigest(this.#view, pathEnd + SHA256.length);
    if (!standsAt(block, digestEnd, SIZE)) return STOP;
    const sizeStart = digestEnd + SIZE.length;
    const sizeEnd = endOfNumber(block, sizeStart, 15);
    if (!standsAt(block, sizeEnd, END)) return STOP;

    const next = sizeEnd + END.length;
    this.#pathStart = pathStart;
    this.#pathEnd = pathEnd;
    this.bytes += numberAt(block, sizeStart, sizeEnd);
    this.lines++;
    artifactClass.lines++;
    this.#stage(artifactClass, block, mtimeEnd + 1, next);
    while (this.above.length > 0 && (this.above[this.above.length - 1] as number) > this.#common) this.above.pop();
    this.above.push(pathEnd - pathStart);
    return next;
  }

  #classAt(block: Uint8Array, line: number): PlainClass | undefined {
    if (this.#class !== undefined && wordsStandAt(this.#view, line, this.#class.words)) return this.#class;
    if (!standsAt(block, line, CLASS)) return undefined;
    const start = line + CLASS.length;
    let name = '';
    for (let at = start; name.length <= LONGEST_CLASS; at++) {
      const code = block[at] as number;
      if (code === QUOTE) break;
      name += String.fromCharCode(code);
    }
    const known = this.#classes.get(name) ?? plainClass(name);
    if (known === undefined || !standsAt(block, line, known.prefix)) return undefined;
    this.#classes.set(name, known);
    this.#class = known;
    return known;
  }

  /** Where the path ends that begins at `start`, if it comes after the one before and plainly breaks no rule. */
  #endOfPath(block: Uint8Array, start: number, before: Uint8Array): number {
    let at = start;
    let nameStart = start;
    let other = this.#pathStart;
    for (; other < this.#pathEnd && block[at] === before[other]; at++, other++) {
      if (block[at] === SLASH) nameStart = at + 1;
    }
    const isPrefix = other === this.#pathEnd;
    if (!isPrefix && (block[at] === QUOTE || (block[at] as number) < (before[other] as number))) return STOP;
    if (isPrefix && block[at] === QUOTE) return STOP;
    this.#common = at - start;
    // What it has in common with a line of this block has been looked at, up to the name that may go on otherwise.
    if (before !== block) at = nameStart = start;
    if (isPerhapsDevice(block, nameStart)) return STOP;
    let isAfterWord = at > start && KINDS[block[at - 1] as number] === WORD;
    for (; block[at] !== QUOTE; at++) {
      const kind = KINDS[block[at] as number];
      if (kind === WORD) {
        isAfterWord = true;
        continue;
      }
      if (kind !== BETWEEN_WORDS || !isAfterWord) return STOP;
      isAfterWord = false;
      if (block[at] === SLASH && isPerhapsDevice(block, at + 1)) return STOP;
    }
    return isAfterWord && at - start <= LONGEST_PATH ? at : STOP;
  }

  #stage({ state }: PlainClass, block: Buffer, start: number, end: number): void {
    const length = state.length + end - start;
    if (this.#fill + length > STAGED_BYTES) this.flush();
    let to = this.#fill;
    for (let from = 0; from < state.length; from++) this.#staged[to++] = state[from] as number;
    to += block.copy(this.#staged, to, start, end);
    this.#fill = to;
  }
}

interface PlainClass {
  /** Of a line. */
  readonly prefix: Uint8Array;
  readonly words: Words;
  /** Of its share of a state digest. */
  readonly state: Uint8Array;
  lines: number;
}

function plainClass(name: string): PlainClass | undefined {
  if (!artifactClassSchema.safeParse(name).success || isProtectedClass(name)) return undefined;
  const prefix = Buffer.from(`{"class":"${name}","kind":"artifact","mode":`);
  return {
    prefix,
    words: wordsOf(prefix),
    state: Buffer.from(`{"class":"${name}",`),
    lines: 0,
  };
}

/** A text of four bytes or more, by four; the last four end where the text ends. */
interface Words {
  readonly bytes: number;
  readonly words: Int32Array;
}

function wordsOf(text: Buffer): Words {
  const words = Int32Array.from({ length: Math.ceil(text.length / 4) }, (_, index) =>
    text.readInt32LE(Math.min(4 * index, text.length - 4)),
  );
  return { bytes: text.length, words };
}

function wordsStandAt(view: DataView, at: number, { bytes, words }: Words): boolean {
  if (at + bytes > view.byteLength) return false;
  const last = words.length - 1;
  for (let index = 0; index < last; index++) if (view.getInt32(at + 4 * index, true) !== words[index]) return false;
  return view.getInt32(at + bytes - 4, true) === words[last];
}

function standsAt(block: Uint8Array, at: number, text: Uint8Array): boolean {
  if (at === STOP) return false;
  for (let index = 0; index < text.length; index++) if (block[at + index] !== text[index]) return false;
  return true;
}

function endOfMode(block: Uint8Array, start: number): number {
  if (standsAt(block, start, NULL)) return start + NULL.length;
  const end = endOfNumber(block, start, 4);
  return end !== STOP && numberAt(block, start, end) <= MOST_MODE ? end : STOP;
}

function endOfTime(block: Uint8Array, start: number): number {
  if (block[start] !== MINUS) return endOfNumber(block, start, 15);
  return block[start + 1] === ZERO ? STOP : endOfNumber(block, start + 1, 15);
}

function endOfDigest(view: DataView, start: number): number {
  const end = start + 64;
  if (end > view.byteLength) return STOP;
  let isHex = 1;
  for (let at = start; at < end; at += 2) isHex &= HEX_PAIRS[view.getUint16(at)] as number;
  return isHex === 1 ? end : STOP;
}

function endOfNumber(block: Uint8Array, start: number, mostDigits: number): number {
  let at = start;
  while (at - start <= mostDigits && (block[at] as number) >= ZERO && (block[at] as number) <= NINE) at++;
  const digits = at - start;
  return digits === 0 || digits > mostDigits || (digits > 1 && block[start] === ZERO) ? STOP : at;
}

function numberAt(block: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 10 + (block[at] as number) - ZERO;
  return value;
}

/** Whether a name begins as a device's does, and ends there or has what a device's may have behind it. */
function isPerhapsDevice(block: Uint8Array, start: number): boolean {
  const first = (block[start] as number) | LOWER;
  if (DEVICE_STARTS[first] !== 1) return false;
  const name = String.fromCharCode(first, (block[start + 1] as number) | LOWER, (block[start + 2] as number) | LOWER);
  const next = block[start + 3] as number;
  return (DEVICES.has(name) && KINDS[next] !== WORD) || (NUMBERED_DEVICES.has(name) && next >= ZERO && next <= NINE);
}

function tableOf(characters: string, value = 1, table: Uint8Array = new Uint8Array(256)): Uint8Array {
  for (const code of Buffer.from(characters)) table[code] = value;
  return table;
}

/** By two bytes, read as one number. */
function pairsOf(characters: string): Uint8Array {
  const [codes, table] = [Buffer.from(characters), new Uint8Array(256 * 256)];
  for (const first of codes) for (const second of codes) table[first * 256 + second] = 1;
  return table;
}

const STOP = -1;
const STAGED_BYTES = 64 * 1024;
const LONGEST_CLASS = 40;
const LONGEST_PATH = 255;
const MOST_MODE = 0o7777;

const CLASS = Buffer.from('{"class":"');
const NULL = Buffer.from('null');
const MTIME = Buffer.from(',"mtime":');
const PATH = Buffer.from(',"path":"');
const SHA256 = Buffer.from('","sha256":"');
const SIZE = Buffer.from('","size":');
const END = Buffer.from('}\n');
const [QUOTE, SLASH, MINUS, ZERO, NINE] = [0x22, 0x2f, 0x2d, 0x30, 0x39];
const LOWER = 0x20;

const WORD = 1;
const BETWEEN_WORDS = 2;
const KINDS = tableOf(
  ' ./',
  BETWEEN_WORDS,
  tableOf('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-'),
);
const HEX_PAIRS = pairsOf('0123456789abcdef');
const DEVICE_STARTS = tableOf('cpanl');
const DEVICES: ReadonlySet<string> = new Set(['con', 'prn', 'aux', 'nul']);
const NUMBERED_DEVICES: ReadonlySet<string> = new Set(['com', 'lpt']);
