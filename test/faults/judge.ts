import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { WORK_FOLDER } from '#core/path-rules.ts';
import { enrolmentSchema, type Receipt, signedReceiptSchema } from '#core/receipt.ts';
import { isSignedBy } from '#core/signed.ts';
import { differencesOf, snapshotOfTree, type TreeSnapshot } from '#test/support/snapshot-of-tree.ts';
import type { World } from './world.ts';

/** The server's folder, and what Lockstep keeps in it. */
export interface Stand {
  readonly tree: TreeSnapshot;
  readonly kept: TreeSnapshot;
}

/** Between what two stands a world may be found. */
export interface Bounds {
  readonly old: Stand;
  readonly new: Stand;
}

export interface Judgement {
  readonly tree: 'old' | 'new' | 'between';
  /** The answer says neither that the tree is the old one nor that it is the new one. */
  readonly isUnproved: boolean;
  /** What must not be, in words. */
  readonly wrongs: readonly string[];
}

export function standOf(world: World): Stand {
  const kept = [...snapshotOfTree(join(world.root, WORK_FOLDER))];
  // Their own times and permissions mean nothing there.
  const contents = kept.map(([path, line]) => [path, line.split(' ')[2] ?? ''] as const);
  return { tree: snapshotOfTree(world.root, WORK_FOLDER), kept: new Map(contents) };
}

/** Of an agent that has been started again and has nothing more to do; `events` are what it has logged. */
export async function judge(world: World, bounds: Bounds, events: readonly string[]): Promise<Judgement> {
  const stand = standOf(world);
  const tree = whichOf(stand.tree, bounds);
  const receipt = await findReceipt(world);
  const isUnproved = receipt?.outcome === 'FAILED' && !saysNothingChanged(receipt);
  const wrongs = [
    ...(tree === 'between' ? [`between: ${explain(stand.tree, bounds)}`] : []),
    ...untruths(tree, receipt),
    ...leftovers(stand, { tree, bounds, world, events }),
    ...(world.standsStill && !saysWhatStandsStill(receipt)
      ? ['the service that a hook stopped was not started again']
      : []),
  ];
  return { tree, isUnproved, wrongs };
}

/** Of a server whose agent was just killed: files that change are there at any moment, wholly old or wholly new. */
export function judgeMoment(world: World, bounds: Bounds): string[] {
  const { tree } = standOf(world);
  const isTorn = (path: string, old: string) => {
    const [now, fresh] = [tree.get(path), bounds.new.tree.get(path)];
    return fresh !== undefined && now !== old && now !== fresh;
  };
  return [...bounds.old.tree].flatMap(([path, old]) =>
    !path.endsWith('/') && isTorn(path, old) ? [`${path} was neither old nor new for a moment`] : [],
  );
}

function whichOf(tree: TreeSnapshot, bounds: Bounds): Judgement['tree'] {
  if (differencesOf(tree, bounds.new.tree).length === 0) return 'new';
  return differencesOf(tree, bounds.old.tree).length === 0 ? 'old' : 'between';
}

function explain(tree: TreeSnapshot, bounds: Bounds): string {
  const [old, fresh] = [differencesOf(tree, bounds.old.tree), differencesOf(tree, bounds.new.tree)];
  return `not as before ${old.slice(0, NAMED).join(', ')}; not as planned ${fresh.slice(0, NAMED).join(', ')}`;
}

function untruths(tree: Judgement['tree'], receipt: Receipt | undefined): string[] {
  const said =
    receipt === undefined ? 'nothing' : `${receipt.outcome}${'detail' in receipt ? `, ${receipt.detail}` : ''}`;
  const isTrue = {
    DONE: false,
    SUCCEEDED: tree === 'new',
    ROLLED_BACK: tree === 'old',
    REFUSED: tree === 'old',
    FAILED: tree === 'old' || !saysNothingChanged(receipt),
    none: false,
  }[receipt?.outcome ?? 'none'];
  return isTrue ? [] : [`the tree is ${tree}, the answer says ${said}`];
}

function saysNothingChanged(receipt: Receipt | undefined): boolean {
  return receipt?.outcome === 'FAILED' && receipt.detail.includes('nothing was changed');
}

function saysWhatStandsStill(receipt: Receipt | undefined): boolean {
  return receipt !== undefined && 'detail' in receipt && receipt.detail.includes('what the hooks stop and start');
}

interface Found {
  readonly tree: Judgement['tree'];
  readonly bounds: Bounds;
  readonly world: World;
  readonly events: readonly string[];
}

function leftovers({ kept }: Stand, { bounds, events, tree, world }: Found): string[] {
  const expected = tree === 'new' ? bounds.new.kept : bounds.old.kept;
  // What was staged and not used may wait for the next apply; pre-images are kept where the disk lets it.
  const isUnkept = events.some((event) => event.startsWith('pre-images-not-kept '));
  const mayBe = (path: string) =>
    (tree === 'old' && path.startsWith('staged/')) || (isUnkept && path.startsWith('pre-images/'));
  const work = differencesOf(kept, expected).filter((path) => !mayBe(path));
  const state = readdirSync(world.state, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.tmp'));
  return [
    ...work.map((path) => `${kept.has(path) ? 'left' : 'lost'} ${WORK_FOLDER}/${path}`),
    ...state.map((path) => `left ${path} in the state folder`),
  ];
}

async function findReceipt(world: World): Promise<Receipt | undefined> {
  const { server } = world.about;
  const store = world.store();
  const stored = await store.get(world.receiptKey);
  const enrolment = await store.get(keys.enrolment(server));
  if (stored === undefined || enrolment === undefined) return undefined;
  const receipt = parseDocument('receipt', signedReceiptSchema, stored.body);
  const { publicKey } = parseDocument('enrolment', enrolmentSchema, enrolment.body);
  if (!isSignedBy(receipt, publicKey)) throw new Error('the receipt is not signed by its agent');
  return receipt.payload;
}

const NAMED = 4;
