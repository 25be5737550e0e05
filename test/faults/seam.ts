/**
 * Between an agent and the file system: real calls, each counted, one of them with a fault. It counts what goes to one
 * folder, in all threads of the process together. Whatever reaches that folder in a way that is not counted is refused,
 * so that no call of an agent can pass by.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { type Call, FAULTS, type Fault, isKill, type PlacedFault } from './fault.ts';
import { STEPS, type Step, stepAfter } from './step-of-call.ts';

/** What the threads of a process share. */
interface Shared {
  /** Real, with slashes, one at its end. */
  readonly folder: string;
  /** By SLOT. */
  readonly numbers: Int32Array;
}

const SLOT = { run: 0, mode: 1, calls: 2, at: 3, fault: 4, step: 5 } as const;
const MODE = { off: 0, count: 1, fault: 2 } as const;
const SHARED = 'lockstep-seam';

/** Where a call that met its fault is written down, and all calls of a counting run; beside the folder. */
export const HIT_FILE = 'hit.json';
export const CALLS_FILE = 'calls.ndjson';

type Functions = Record<string, unknown>;
type Kind = 'sync' | 'promise' | 'callback';
type Callback = (error?: unknown, ...results: readonly unknown[]) => void;

/** As they were before. */
const real = { ...fs };
let shared: Shared | undefined;
const descriptors = new Map<number, string>();
/** The call that fails for good, in this thread and run. */
let stuck: { readonly run: number; readonly name: string; readonly path: string; readonly fault: Fault } | undefined;

/** To be called once, in the main thread, before any other is started. */
export function spanSeam(folder: string): void {
  const numbers = new Int32Array(new SharedArrayBuffer(Object.keys(SLOT).length * Int32Array.BYTES_PER_ELEMENT));
  shared = { folder: `${toSlashes(real.realpathSync(folder))}/`, numbers };
  setEnvironmentData(SHARED, shared);
  wrapAll();
}

/** Begins a run: to count, with a fault, or `undefined` for neither. */
export function beginRun(what: 'count' | PlacedFault | undefined): void {
  const mode = what === undefined ? MODE.off : what === 'count' ? MODE.count : MODE.fault;
  set('calls', 0);
  set('step', 0);
  set('at', typeof what === 'object' ? what.call : 0);
  set('fault', typeof what === 'object' ? FAULTS.indexOf(what.fault) : 0);
  set('run', get('run') + 1);
  set('mode', mode);
}

/** How many calls there were. */
export function endRun(): number {
  set('mode', MODE.off);
  return get('calls');
}

/** Where no call shows that a step begins. */
export function enterStep(step: Step): void {
  set('step', STEPS.indexOf(step));
}

function wrapAll(): void {
  const sync = fs as unknown as Functions;
  const promises = fs.promises as unknown as Functions;
  for (const name of Object.keys(sync)) {
    if (name.endsWith('Sync')) wrap(sync, name, 'sync');
    // What fs.promises.rm is made of.
    else if (`${name}Sync` in sync) wrap(sync, name, 'callback', `${name}()`);
    else if (UNCOUNTED.has(name)) refuse(sync, name);
  }
  for (const name of Object.keys(promises)) wrap(promises, name, 'promise');
  syncBuiltinESMExports();
}

function wrap(owner: Functions, name: string, kind: Kind, shownAs = name): void {
  const act = owner[name];
  if (typeof act !== 'function') return;
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    const path = pathIn(shownAs, args, this);
    if (path === undefined) return act.apply(this, args);
    const doIt = (instead?: Callback) =>
      act.apply(this, instead === undefined ? args : [...args.slice(0, -1), instead]);
    return perform({ name: shownAs, path, kind, args, self: this, act: doIt });
  };
  owner[name] = Object.assign(wrapped, act);
}

function refuse(owner: Functions, name: string, shownAs = name): void {
  const act = owner[name];
  if (typeof act !== 'function') return;
  const refusing = function (this: unknown, ...args: unknown[]): unknown {
    if (get('mode') !== MODE.off && pathIn(shownAs, args, this) !== undefined)
      throw new Error(`the seam does not count ${shownAs}`);
    return act.apply(this, args);
  };
  owner[name] = Object.assign(refusing, act);
}

interface Performance {
  readonly name: string;
  readonly path: string;
  readonly kind: Kind;
  readonly args: readonly unknown[];
  readonly self: unknown;
  /** Of a callback, with this one in its place. */
  readonly act: (instead?: Callback) => unknown;
}

function perform(call: Performance): unknown {
  const fault = meet(call);
  if (fault === undefined) return follow(call, call.act());
  if (!isKill(fault)) return fail(call, fault);
  if (fault === 'kill before') return die();
  if (fault === 'kill halfway') {
    doHalf(call);
    return die();
  }
  if (call.kind === 'callback') return call.act(die);
  if (call.kind === 'promise') return (call.act() as Promise<unknown>).then(die, die);
  try {
    call.act();
  } finally {
    die();
  }
}

/** Counts the call; what it is to meet, if anything. */
function meet({ name, path }: Performance): Fault | undefined {
  const mode = get('mode');
  if (mode === MODE.off) return undefined;
  const before = get('step');
  const step = stepAfter(STEPS[before] ?? 'start', { name, path });
  // Another thread may have gone on meanwhile.
  Atomics.compareExchange(numbers(), SLOT.step, before, STEPS.indexOf(step));
  const number = Atomics.add(numbers(), SLOT.calls, 1) + 1;
  const call: Call = { number, name, path, step };
  if (mode === MODE.count) real.appendFileSync(beside(CALLS_FILE), `${JSON.stringify(call)}\n`);
  if (stuck?.run === get('run') && stuck.name === name && stuck.path === path) return stuck.fault;
  if (mode === MODE.count || number !== get('at')) return undefined;
  real.writeFileSync(beside(HIT_FILE), JSON.stringify(call));
  const fault = FAULTS[get('fault')];
  if (fault?.endsWith('for good') === true) stuck = { run: get('run'), name, path, fault };
  return fault;
}

/** What a call opens is watched further. */
function follow(call: Performance, result: unknown): unknown {
  if (call.name === 'openSync') descriptors.set(result as number, call.path);
  else if (call.name === 'closeSync') descriptors.delete(call.args[0] as number);
  else if (call.name === 'open') return (result as Promise<object>).then((handle) => watch(handle, call.path));
  return result;
}

function watch(handle: object, path: string): object {
  const methods = handle as Functions;
  handles.set(handle, path);
  for (const name of HANDLE_METHODS) wrap(methods, name, 'promise', `handle.${name}`);
  for (const name of HANDLE_STREAMS) refuse(methods, name, `handle.${name}`);
  return handle;
}

/** As the kernel does: a close that fails has closed all the same. */
function fail(call: Performance, fault: Fault): unknown {
  const code = fault.split(' ')[0] as keyof typeof constants.errno;
  const syscall = call.name.replace(/^handle\.|Sync$|\(\)$/g, '');
  const message = `${code}: injected, ${syscall} '${call.path}'`;
  const error = Object.assign(new Error(message), { errno: -constants.errno[code], code, syscall, path: call.path });
  if (syscall === 'close') {
    const closed = follow(call, call.act());
    if (call.kind === 'promise') return (closed as Promise<unknown>).then(() => Promise.reject(error));
  }
  if (call.kind === 'promise') return Promise.reject(error);
  if (call.kind === 'callback') return process.nextTick(call.args.at(-1) as Callback, error);
  throw error;
}

function doHalf({ args, name, self }: Performance): void {
  const path = args[0] as string;
  switch (name) {
    case 'writeSync': {
      const [descriptor, bytes, offset = 0, length = bytes.length - offset, position = null] = args as [
        ...[number, Uint8Array, number?, number?, (number | null)?],
      ];
      real.writeSync(descriptor, bytes, offset, length >> 1, position);
      return;
    }
    case 'handle.write':
      real.writeSync((self as { readonly fd: number }).fd, halfOf(args[0] as Uint8Array));
      return;
    case 'writeFile':
    case 'writeFileSync':
      real.writeFileSync(path, halfOf(Buffer.from(args[1] as string)));
      return;
    case 'copyFileSync':
      real.writeFileSync(args[1] as string, halfOf(real.readFileSync(path)));
      return;
    case 'rmSync':
      removeHalf(path);
  }
}

function halfOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.length >> 1);
}

function removeHalf(path: string): void {
  if (real.lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  const files = real
    .readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory());
  for (const { name, parentPath } of files.slice(0, Math.ceil(files.length / 2)))
    real.unlinkSync(join(parentPath, name));
}

/** Nothing of this process runs any more. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const handles = new WeakMap<object, string>();

/** Below the folder; `undefined` for what lies elsewhere. */
function pathIn(name: string, args: readonly unknown[], self: unknown): string | undefined {
  if (name.startsWith('handle.')) return handles.get(self as object);
  if (typeof args[0] === 'number') return descriptors.get(args[0]);
  const { folder } = shared ?? {};
  if (folder === undefined) return undefined;
  const paths = args.slice(0, TWO_PATHS.has(name.replace(/Sync$|\(\)$/, '')) ? 2 : 1).map(toPath);
  const found = paths.find((path) => path?.startsWith(folder));
  return found?.slice(folder.length).replace(/\/+$/, '');
}

function toPath(argument: unknown): string | undefined {
  if (typeof argument === 'string') return throughDescriptor(toSlashes(argument));
  if (argument instanceof URL) return toSlashes(fileURLToPath(argument));
  return Buffer.isBuffer(argument) ? toSlashes(argument.toString()) : undefined;
}

/** An entry that is reached through the open folder that it lies in. */
function throughDescriptor(path: string): string {
  const [, descriptor = '', rest = ''] = /^\/proc\/self\/fd\/(\d+)(\/.*)?$/.exec(path) ?? [];
  const folder = descriptors.get(Number(descriptor));
  return folder === undefined ? path : `${shared?.folder}${folder}${rest}`.replace(/\/\.?$/, '');
}

function toSlashes(path: string): string {
  return path.replaceAll('\\', '/');
}

function beside(name: string): string {
  return join(dirname(shared?.folder ?? ''), name);
}

function numbers(): Int32Array {
  if (shared === undefined) throw new Error('the seam is not spanned');
  return shared.numbers;
}

function get(slot: keyof typeof SLOT): number {
  return Atomics.load(numbers(), SLOT[slot]);
}

function set(slot: keyof typeof SLOT, value: number): void {
  Atomics.store(numbers(), SLOT[slot], value);
}

const TWO_PATHS = new Set(['copyFile', 'cp', 'link', 'rename', 'symlink']);
const UNCOUNTED = new Set(['createReadStream', 'createWriteStream', 'openAsBlob', 'watch', 'watchFile']);
const HANDLE_METHODS = [
  ...['appendFile', 'chmod', 'chown', 'close', 'datasync', 'read', 'readFile', 'readv', 'stat', 'sync'],
  ...['truncate', 'utimes', 'write', 'writeFile', 'writev'],
];
const HANDLE_STREAMS = ['createReadStream', 'createWriteStream', 'readLines', 'readableWebStream'];

if (!isMainThread) {
  shared = getEnvironmentData(SHARED) as Shared | undefined;
  if (shared !== undefined) wrapAll();
}
