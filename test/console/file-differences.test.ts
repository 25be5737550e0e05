import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { MASK } from '#core/mask-secrets.ts';
import { encodePart, type PartHeader } from '#core/plan.ts';
import { profileSchema } from '#core/profile.ts';
import { ENROLMENT_FORMAT } from '#core/receipt.ts';
import { sign } from '#core/signed.ts';
import type { CopyMode } from '#core/sync.ts';
import { Control, DESTINATION, PROFILE, SOURCE } from '#test/agents/control.ts';
import { testFolder } from '#test/agents/test-folder.ts';
import { plannedChanges, SYNC, samplePlan } from '#test/core/samples.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { type Tree, writeTree } from '#test/support/trees.ts';
import { ConsoleUnderTest } from './browser.ts';

const NOW = new Date().toISOString();
const MARKUP = '<script>alert(1)</script>';

let store: MemoryStore;
let control: Control;
let source: string;

beforeEach(() => {
  store = new MemoryStore();
  control = new Control(store);
  source = join(testFolder(), 'source');
  writeTree(source, {});
  control.start(SOURCE, source);
});

/** What the console says of a file, once real agents have taken stock and the plan is there. */
async function compare(path: string, ours: Tree, theirs: Tree, mode: CopyMode = 'overwrite') {
  return await look(path, ...(await planOf(ours, theirs, mode)));
}

async function planOf(ours: Tree, theirs: Tree, mode: CopyMode = 'overwrite') {
  writeTree(source, ours);
  const destination = join(testFolder(), 'destination');
  writeTree(destination, theirs);
  control.start(DESTINATION, destination);
  const { header, operations } = await control.plan(mode);
  return [{ ...header, sync: SYNC } as PartHeader, operations] as const;
}

async function look(path: string, header: PartHeader, operations: Parameters<typeof encodePart>[0]['operations']) {
  const { sync } = header;
  const part = encodePart({ header, operations });
  await store.put(keys.part(sync, DESTINATION, part.digest), part.bytes);
  const { source: planned } = samplePlan();
  const destinations = [plannedChanges(DESTINATION, part.digest)];
  const plan = samplePlan({ sync, source: { ...planned, server: SOURCE }, destinations });
  await store.put(keys.plan(sync), encodeDocument(await sign(plan, control.signer)));
  const browser = new ConsoleUnderTest({ store, controlKey: control.signer.publicKey }).signIn('viewer', ['viewer']);
  const query = new URLSearchParams({ path });
  return await browser.get(`/syncs/${sync}/differences/${DESTINATION}/file?${query}`);
}

/** The lines that are shown: `-` and `+` before those that changed. */
function linesOf(markup: string): string[] {
  return [...markup.matchAll(/<tr class="(\w+)">.*?<pre>(?:<(?:ins|del)>)?(.*?)(?:<\/(?:ins|del)>)?<\/pre>/gs)].map(
    ([, kind = '', line]) => `${{ removed: '-', added: '+' }[kind] ?? ''}${line}`,
  );
}

describe('a small text file', () => {
  it('is shown line by line where a source has sent its former content, a few lines around each change', async () => {
    const lines = Array.from({ length: 40 }, (_, index) => `line ${index}`);
    const former = `${lines.join('\n')}\n`;
    writeTree(source, { 'a.ini': former });
    await control.inventory(SOURCE, true);
    const now = former.replace('line 20\n', `line twenty ${MARKUP}\nand one more\n`);
    const { status, text } = await compare('a.ini', { 'a.ini': now }, { 'a.ini': former });
    expect(status).toBe(200);
    expect(linesOf(text)).toEqual([
      '…',
      ...['line 17', 'line 18', 'line 19', '-line 20'],
      '+line twenty &lt;script&gt;alert(1)&lt;/script&gt;',
      ...['+and one more', 'line 21', 'line 22', 'line 23', '…'],
    ]);
    expect(text).not.toContain('<script>alert');
  });

  it('has masked in it what the profile of its source names, by name or as a whole', async () => {
    const { secrets } = profileSchema.parse({
      ...PROFILE,
      secrets: [{ match: ['a.ini'], keys: ['unlock*'] }, { match: ['b.*'] }],
    });
    store = new MemoryStore();
    control = new Control(store);
    source = join(testFolder(), 'source of that profile');
    writeTree(source, {});
    const signer = createKeySigner();
    control.start(SOURCE, source, { signer, profile: { ...PROFILE, ...(secrets && { secrets }) } });
    const enrolment = { format: ENROLMENT_FORMAT, server: SOURCE, publicKey: signer.publicKey, enrolledAt: NOW };
    await store.put(keys.enrolment(SOURCE), encodeDocument(enrolment));
    writeTree(source, { 'a.ini': 'UnlockCode=1234\nname=x\n', 'b.txt': 'all of it\n' });
    const destination = join(testFolder(), 'destination');
    writeTree(destination, {});
    control.start(DESTINATION, destination);
    const { header, operations, source: stock } = await control.plan();
    for (const [path, lines] of [
      ['a.ini', [`UnlockCode=${MASK}`, 'name=x']],
      ['b.txt', [MASK]],
    ] as const) {
      const { text } = await look(path, { ...header, sync: stock.receipt.sync } as PartHeader, operations);
      expect(linesOf(text)).toEqual(lines);
    }
  });

  it('shows that a secret has changed, and not which it was or is', async () => {
    const former = 'name = x\npassword = hunter2\n';
    writeTree(source, { 'a.ini': former });
    await control.inventory(SOURCE, true);
    const { text } = await compare('a.ini', { 'a.ini': 'name = x\npassword = hunter3\n' }, { 'a.ini': former });
    expect(linesOf(text)).toEqual(['name = x', `-password = ${MASK}`, `+password = ${MASK}`]);
    expect(text).not.toContain('hunter');
  });

  it('is shown as it will be, with the reason, where no source has ever sent what is there', async () => {
    const { text } = await compare('a.ini', { 'a.ini': 'new\ntoken: abc\n' }, { 'a.ini': 'made here\n' });
    expect(text).toContain('The store has only what a source has once sent');
    expect(linesOf(text)).toEqual(['new', `token: ${MASK}`]);
  });

  it('that is created is shown whole', async () => {
    const { text } = await compare('n.ini', { 'a.ini': 'a', 'n.ini': 'one\ntwo' }, { 'a.ini': 'a' });
    expect(linesOf(text)).toEqual(['one', 'two']);
  });

  it('that is removed is shown as far as a source has sent it', async () => {
    writeTree(source, { 'a.ini': 'a', 'old.ini': 'once ours' });
    await control.inventory(SOURCE, true);
    rmSync(join(source, 'old.ini'));
    const theirs = { 'a.ini': 'a', 'old.ini': 'once ours', 'own.ini': 'own' };
    const [header, operations] = await planOf({ 'a.ini': 'a' }, theirs, 'mirror');
    expect(linesOf((await look('old.ini', header, operations)).text)).toEqual(['once ours']);
    expect((await look('own.ini', header, operations)).text).toContain(
      'The store has only what a source has once sent',
    );
  });

  it('that is empty is no reason to fail', async () => {
    const { status, text } = await compare('n.ini', { 'a.ini': 'a', 'n.ini': '' }, { 'a.ini': 'a' });
    expect(status).toBe(200);
    expect(text).toContain('no line');
  });
});

describe('what cannot be shown', () => {
  it.each([
    ['is no text', Buffer.from([0xff, 0xfe, 0x41]), 'It is no text in UTF-8'],
    ['has a zero byte in it', Buffer.from('a\0b'), 'It is no text in UTF-8'],
    ['is large', Buffer.alloc(70_000, 'x\n'), 'It is larger than 64 KiB'],
  ])('is said of a file that %s', async (_, content, why) => {
    writeTree(source, { 'a.ini': 'a' });
    writeFileSync(join(source, 'n.ini'), content);
    const { status, text } = await compare('n.ini', {}, { 'a.ini': 'a' });
    expect(status).toBe(200);
    expect(text).toContain(why);
  });

  it('is said of what was pruned', async () => {
    const planned = await planOf({ 'a.ini': 'a', 'n.ini': 'new' }, { 'a.ini': 'a' });
    for await (const { key } of store.list(keys.packs())) await store.delete(key);
    const { status, text } = await look('n.ini', ...planned);
    expect(status).toBe(200);
    expect(text).toContain('does not have this content any more');
  });

  it('is said of a pack that holds something else, and nothing of that is shown', async () => {
    const planned = await planOf({ 'a.ini': 'a', 'n.ini': 'new' }, { 'a.ini': 'a' });
    for await (const { key, size } of store.list(keys.packs())) await store.put(key, Buffer.alloc(size, 'E'));
    const { text } = await look('n.ini', ...planned);
    expect(text).toContain('does not have this content any more');
    expect(linesOf(text)).toEqual([]);
  });

  it('is said of a rollback, which takes its files from the destination', async () => {
    const [header, operations] = await planOf({ 'a.ini': 'a', 'n.ini': 'new' }, { 'a.ini': 'a' });
    const {
      sourceManifest: _,
      snapshot: __,
      source: ___,
      ...rest
    } = header as Extract<PartHeader, { source: unknown }>;
    const { text } = await look('n.ini', { ...rest, mode: 'rollback', rollbackOf: SYNC }, operations);
    expect(text).toContain('A rollback takes the old files from where they were kept');
  });
});
