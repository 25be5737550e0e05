/**
 * A WebAssembly module, written down instruction by instruction, for the one loop that is too slow in JavaScript. It
 * exports `memory`, whose first KiB is for the gear table, little-endian, and
 *
 *     cut(at, first, normal, end, rare, frequent) -> position behind the cut, or 0 when there is none before `end`
 *
 * which hashes memory from `at`, and from `first` looks whether the hash is below `rare`, from `normal` whether it is
 * below `frequent`. Format: WebAssembly Core Specification 1.0, chapter 5.
 */
export function gearModule(): Uint8Array {
  const cutType = [FUNCTION_TYPE, ...vector(Array(6).fill([I32])), ...vector([[I32]])];
  const body = [...vector([[...unsigned(1), I32]]), ...cutCode(), END];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([cutType])),
    ...section(3, vector([[0]])),
    ...section(5, vector([[0x00, ...unsigned(1)]])),
    ...section(7, vector([named('memory', [0x02, 0]), named('cut', [0x00, 0])])),
    ...section(10, vector([sized(body)])),
  ]);
}

/** Of the memory that the gear table takes. */
export const TABLE_BYTES = 1024;

type Code = readonly number[];

const I32 = 0x7f;
const FUNCTION_TYPE = 0x60;
const END = 0x0b;

const AT = 0;
const FIRST = 1;
const NORMAL = 2;
const LAST = 3;
const RARE = 4;
const FREQUENT = 5;
const HASH = 6;

function cutCode(): Code {
  return [...scan(FIRST, undefined), ...scan(NORMAL, RARE), ...scan(LAST, FREQUENT), ...constant(0)];
}

/** Hashes up to the position in the local `end`; with a limit, returns behind the first byte that brings the hash below it. */
function scan(end: number, limit: number | undefined): Code {
  const step = (offset: number): Code => [
    ...hashByte(offset),
    ...(limit === undefined ? [] : whenBelow(limit, [...get(AT), ...constant(offset + 1), ADD, RETURN])),
  ];
  const several = Array.from({ length: UNROLLED }, (_, offset) => step(offset)).flat();
  return [
    ...whileCondition(
      [...get(AT), ...constant(UNROLLED), ADD, ...get(end), LESS_OR_EQUAL],
      [...several, ...advance(UNROLLED)],
    ),
    ...whileCondition([...get(AT), ...get(end), LESS], [...step(0), ...advance(1)]),
  ];
}

function hashByte(offset: number): Code {
  const entry = [...get(AT), ...load8(offset), ...constant(2), SHIFT_LEFT, ...load32(0)];
  return [...get(HASH), ...constant(1), SHIFT_LEFT, ...entry, ADD, ...set(HASH)];
}

function whenBelow(limit: number, then: Code): Code {
  return [...get(HASH), ...get(limit), LESS, IF, NO_RESULT, ...then, END];
}

function whileCondition(condition: Code, body: Code): Code {
  return [LOOP, NO_RESULT, ...condition, IF, NO_RESULT, ...body, BRANCH, 1, END, END];
}

function advance(count: number): Code {
  return [...get(AT), ...constant(count), ADD, ...set(AT)];
}

const LOOP = 0x03;
const IF = 0x04;
const NO_RESULT = 0x40;
const BRANCH = 0x0c;
const RETURN = 0x0f;
const ADD = 0x6a;
const SHIFT_LEFT = 0x74;
/** Both unsigned. */
const LESS = 0x49;
const LESS_OR_EQUAL = 0x4d;
const UNROLLED = 8;

function get(local: number): Code {
  return [0x20, local];
}

function set(local: number): Code {
  return [0x21, local];
}

/** Up to 63: one byte of signed LEB128. */
function constant(value: number): Code {
  return [0x41, value];
}

function load8(offset: number): Code {
  return [0x2d, 0, ...unsigned(offset)];
}

function load32(offset: number): Code {
  return [0x28, 2, ...unsigned(offset)];
}

function section(id: number, content: Code): Code {
  return [id, ...sized(content)];
}

function named(name: string, what: Code): Code {
  return [...sized([...Buffer.from(name)]), ...what];
}

function vector(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(content: Code): Code {
  return [...unsigned(content.length), ...content];
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}
