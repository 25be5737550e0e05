import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { classifier, isSyncedClass } from '#core/classify.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { hasChanges } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { ENROLMENT_FORMAT } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import type { CopyMode, SyncId, SyncPolicy } from '#core/sync.ts';
import type { SyncVerdict } from '#core/verdict.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { Control, DESTINATION, PROFILE, type RunningAgent, SOURCE } from '#test/agents/control.ts';
import { noise } from '#test/agents/noise.ts';
import { testFolder } from '#test/agents/test-folder.ts';
import { foldersAbove } from '#test/core/arbitraries.ts';
import { FakeFleet } from '#test/support/fake-fleet.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { readTree, writeTree } from '#test/support/trees.ts';

/** More of them find more: LOCKSTEP_RANDOM_TREES=1000. A failure names the seed that brings it back. */
const RUNS = Number(process.env.LOCKSTEP_RANDOM_TREES ?? 5);

/** Path -> the name of a content; a path that ends with a slash is an empty folder. */
type RandomTree = Readonly<Record<string, string>>;

const LARGE = noise('large', 120_000);

/** Two are large and nearly the same, so that there are chunks and deltas. */
const CONTENTS: Readonly<Record<string, Uint8Array>> = {
  empty: Buffer.from(''),
  short: Buffer.from('x'),
  text: Buffer.from('line\n'.repeat(500)),
  large: LARGE,
  edited: Buffer.from(LARGE).fill('edited', 60_000, 60_100),
};

const FOLDERS = ['a', 'A', 'b c', 'firmware', 'licenses', 'Größe', 'Größe'.normalize('NFD'), 'made', 'empty'];
const FILES = [
  'a.ini',
  'A.ini',
  'ß.txt',
  'n.bin',
  'x.lic',
  'X.LIC',
  'noise.log',
  'un.known',
  'a',
  'Ω≈ç√.ini',
  '日本.txt',
];

const pathArbitrary = fc
  .tuple(fc.array(fc.constantFrom(...FOLDERS), { maxLength: 3 }), fc.option(fc.constantFrom(...FILES), { freq: 6 }))
  .map(([folders, file]) => [...folders, file ?? ''].join('/'))
  .filter((path) => path !== '');

const treeArbitrary: fc.Arbitrary<RandomTree> = fc
  .array(fc.tuple(pathArbitrary, fc.constantFrom(...Object.keys(CONTENTS))), { maxLength: 14 })
  .map((entries) => entries.reduce(withEntry, {} as RandomTree));

/** As `mv` and an editor would leave it: what is in the way of the new entry goes. */
function withEntry(tree: RandomTree, [path, content]: readonly [string, string]): RandomTree {
  const bare = path.replace(/\/$/, '');
  const isInTheWay = (other: string) =>
    `${other.replace(/\/$/, '')}/`.startsWith(`${bare}/`) || bare.startsWith(`${other.replace(/\/$/, '')}/`);
  return { ...Object.fromEntries(Object.entries(tree).filter(([other]) => !isInTheWay(other))), [path]: content };
}

const editsArbitrary = fc.array(
  fc.oneof(
    fc.record({ add: pathArbitrary, content: fc.constantFrom(...Object.keys(CONTENTS)) }),
    fc.record({ remove: fc.nat() }),
  ),
  { maxLength: 6 },
);

type Edits = typeof editsArbitrary extends fc.Arbitrary<infer E> ? E : never;

function edited(tree: RandomTree, edits: Edits): RandomTree {
  return edits.reduce((now, edit) => {
    if ('add' in edit) return withEntry(now, [edit.add, edit.content]);
    const paths = Object.keys(now);
    const gone = paths[edit.remove % Math.max(paths.length, 1)];
    return Object.fromEntries(Object.entries(now).filter(([path]) => path !== gone));
  }, tree);
}

const classOf = classifier(PROFILE);

/** A folder, too, by its name. */
function travels(path: string): boolean {
  return isSyncedClass(classOf(path.replace(/\/$/, '')));
}

/** What the wizard's page promises, file by file, without a manifest, a plan or a digest. */
function promised(ours: RandomTree, theirs: RandomTree, mode: CopyMode): RandomTree {
  const files = Object.entries(filesOf(theirs)).filter(
    ([path]) => !(mode === 'mirror' && travels(path) && !(path in ours)),
  );
  return Object.fromEntries([...files, ...Object.entries(filesOf(ours)).filter(([path]) => travels(path))]);
}

/** One has a file where the other has a folder. */
function clash(ours: RandomTree, theirs: RandomTree): boolean {
  return [
    [ours, theirs],
    [theirs, ours],
  ].some(([one = {}, other = {}]) =>
    Object.keys(filesOf(one)).some((file) => Object.keys(other).some((path) => path.startsWith(`${file}/`))),
  );
}

/** A controller and two real agents, one of which is stopped and started again now and then. */
class Scene implements AsyncDisposable {
  readonly source = join(testFolder(), 'source');
  readonly destination = join(testFolder(), 'destination');
  readonly #store = new MemoryStore();
  readonly #control = new Control(this.#store);
  readonly #fleet = new FakeFleet(this.#store, this.#control.signer);
  readonly #agent = { signer: createKeySigner(), stateFolder: testFolder() };
  #agents: RunningAgent[] = [];
  #restarting: Promise<void> = Promise.resolve();
  #callsUntilStop = Number.POSITIVE_INFINITY;
  static async start(ours: RandomTree, theirs: RandomTree): Promise<Scene> {
    const scene = new Scene();
    become(scene.source, ours);
    become(scene.destination, theirs);
    const signer = createKeySigner();
    await scene.#enrol(SOURCE, signer.publicKey);
    await scene.#enrol(DESTINATION, scene.#agent.signer.publicKey);
    await scene.#fleet.start();
    scene.#agents.push(scene.#control.start(SOURCE, scene.source, { signer }));
    scene.#startDestination();
    return scene;
  }

  /** What both hold once people have worked on them. */
  edit({ ours, theirs }: { readonly ours: Edits; readonly theirs: Edits }) {
    become(this.source, edited(observe(this.source), ours));
    become(this.destination, edited(observe(this.destination), theirs));
    return { ours: observe(this.source), theirs: observe(this.destination) };
  }

  /** To its verdict; the agent of the destination is stopped at this call of the store, and started again. */
  async sync(policy: Partial<SyncPolicy>, stopAt: number, rollbackOf?: SyncId) {
    const sync = await this.#fleet.request({
      source: SOURCE,
      destinations: [DESTINATION],
      ...(rollbackOf !== undefined && { rollbackOf }),
      policy: { ...POLICY, ...policy },
      timeouts: { offlineSeconds: 30, inventorySeconds: 30, applySeconds: 30, approvalSeconds: 30 },
    });
    this.#callsUntilStop = stopAt;
    await this.#fleet.planned(sync);
    const plan = await requirePlan(this.#store, sync, this.#control.signer.publicKey);
    if (hasChanges(plan)) await this.#fleet.vote(sync, 'APPROVED');
    const verdict = await this.#fleet.verdict(sync);
    this.#callsUntilStop = Number.POSITIVE_INFINITY;
    await this.#restarting;
    return { sync, verdict };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fleet.end();
    await Promise.all(this.#agents.map((agent) => agent.stop()));
  }

  async #enrol(server: ServerId, publicKey: string): Promise<void> {
    const enrolment = { format: ENROLMENT_FORMAT, server, publicKey, enrolledAt: new Date().toISOString() };
    await this.#store.put(keys.enrolment(server), encodeDocument(enrolment));
  }

  #startDestination(): void {
    const store = counting(this.#store, () => {
      if (--this.#callsUntilStop === 0) this.#restarting = this.#restart(running);
    });
    const running = this.#control.start(DESTINATION, this.destination, { ...this.#agent, store, keepPreImages: 5 });
    this.#agents.push(running);
  }

  async #restart(running: RunningAgent): Promise<void> {
    await running.stop();
    this.#startDestination();
  }
}

const POLICY: SyncPolicy = {
  mode: 'overwrite',
  allowShrink: true,
  allowVanished: ['configuration', 'firmware'],
  maxRemovalPercent: 100,
  dryRun: false,
  approvals: 1,
  requesterMayApprove: true,
};

function counting(store: ObjectStore, onCall: () => void): ObjectStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...call: unknown[]) => {
        onCall();
        return value.apply(target, call);
      };
    },
  });
}

/** What is the same already is left alone, with its time; a folder that is emptied stays, as it would for an editor. */
function become(root: string, tree: RandomTree): void {
  mkdirSync(root, { recursive: true });
  const before = observe(root);
  for (const [path, content] of Object.entries(before))
    if (!path.endsWith('/') && tree[path] !== content) rmSync(join(root, path));
  for (const [path, content] of Object.entries(tree)) {
    if (before[path] === content) continue;
    if (!path.endsWith('/')) rmSync(join(root, path), { recursive: true, force: true });
    for (const folder of foldersAbove(path)) if (isFile(join(root, folder))) rmSync(join(root, folder));
    writeTree(root, { [path]: CONTENTS[content] ?? '' });
  }
}

/** The tree that a folder holds. */
function observe(root: string): RandomTree {
  const entries = Object.keys(readOwnTree(root)).filter(
    (path) => !path.endsWith('/') || isEmptyFolder(join(root, path)),
  );
  return Object.fromEntries(
    entries.map((path) => [path, path.endsWith('/') ? 'empty' : nameOfContent(readFileSync(join(root, path)))]),
  );
}

function filesOf(tree: RandomTree): RandomTree {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => !path.endsWith('/')));
}

function nameOfContent(bytes: Buffer): string {
  return Object.entries(CONTENTS).find(([, content]) => bytes.equals(content))?.[0] ?? 'something else';
}

/** No manifest says that a folder was there, empty, whose name matches no rule: what has filled it takes it away. */
function withKnownFolders(root: string): Record<string, string> {
  return Object.fromEntries(Object.entries(readOwnTree(root)).filter(([path]) => !path.endsWith('/') || travels(path)));
}

/** Without what the agent keeps for a rollback. */
function readOwnTree(root: string): Record<string, string> {
  return Object.fromEntries(Object.entries(readTree(root)).filter(([path]) => !path.startsWith('.lockstep')));
}

function isEmptyFolder(path: string): boolean {
  return readdirSync(path).length === 0;
}

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

interface Wish {
  readonly ours: RandomTree;
  readonly theirs: RandomTree;
  readonly mode: CopyMode;
}

function expectPromise(destination: string, verdict: SyncVerdict, { mode, ours, theirs }: Wish): void {
  const found = filesOf(observe(destination));
  if (verdict.verdict !== 'SUCCEEDED' && verdict.verdict !== 'IN_SYNC') {
    expect(verdict.destinations, JSON.stringify(verdict)).toMatchObject([{ verdict: 'REFUSED', reason: 'GUARD' }]);
    expect(clash(ours, theirs)).toBe(true);
    expect(found).toEqual(filesOf(theirs));
    return;
  }
  expect(found).toEqual(promised(ours, theirs, mode));
  for (const folder of Object.keys(ours).filter((path) => path.endsWith('/') && travels(path)))
    expect(lstatSync(join(destination, folder)).isDirectory(), folder).toBe(true);
}

const modeArbitrary = fc.constantFrom<CopyMode>('overwrite', 'mirror');
/** Calls of the store that the agent of the destination makes until it is stopped. */
const stopArbitrary = fc.integer({ min: 1, max: 60 });

it(
  'a sync of random trees does what is promised, whatever was edited since the last, and whenever its agent is stopped; a rollback leads back',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        treeArbitrary,
        treeArbitrary,
        fc.array(
          fc.record({ ours: editsArbitrary, theirs: editsArbitrary, mode: modeArbitrary, stop: stopArbitrary }),
          {
            minLength: 1,
            maxLength: 3,
          },
        ),
        stopArbitrary,
        async (source, destination, rounds, stop) => {
          await using scene = await Scene.start(source, destination);
          for (const round of rounds) {
            const { ours, theirs } = scene.edit(round);
            const before = withKnownFolders(scene.destination);
            const { sync, verdict } = await scene.sync({ mode: round.mode }, round.stop);
            expectPromise(scene.destination, verdict, { ours, theirs, mode: round.mode });
            expect(observe(scene.source)).toEqual(ours);
            if (verdict.verdict !== 'SUCCEEDED') continue;
            const after = withKnownFolders(scene.destination);
            const back = await scene.sync({ mode: 'rollback' }, stop, sync);
            expect(back.verdict, JSON.stringify(back.verdict)).toMatchObject({ verdict: 'SUCCEEDED' });
            expect(withKnownFolders(scene.destination)).toEqual(before);
            const again = await scene.sync({ mode: round.mode }, round.stop);
            expect(again.verdict).toMatchObject({ verdict: 'SUCCEEDED' });
            expect(withKnownFolders(scene.destination)).toEqual(after);
          }
        },
      ),
      { numRuns: RUNS, endOnFailure: true },
    );
  },
  60_000 + RUNS * 20_000,
);
