import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { type EnrolmentRequest, enrolAgent } from '#agents/enrol.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { CONTROL_KEY_FORMAT, enrolmentSchema } from '#core/receipt.ts';
import { keyId } from '#core/signed.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { SOURCE } from './control.ts';
import { testFolder } from './test-folder.ts';

async function storeWithControlKey(): Promise<{ readonly store: ObjectStore; readonly controlKey: string }> {
  const [store, { publicKey }] = [new MemoryStore(), createKeySigner()];
  await store.put(keys.controlKey(), encodeDocument({ format: CONTROL_KEY_FORMAT, publicKey }));
  return { store, controlKey: publicKey };
}

function request(store: ObjectStore, more: Partial<EnrolmentRequest> = {}): EnrolmentRequest {
  const now = () => new Date('2026-01-02T03:04:05Z');
  return {
    store,
    server: SOURCE,
    root: '/srv/files',
    profile: 'generic',
    stateFolder: join(testFolder(), 'state'),
    now,
    ...more,
  };
}

describe('an enrolment', () => {
  it('makes a key that only its owner can read, registers it, and pins the control key', async () => {
    const { controlKey, store } = await storeWithControlKey();
    const wish = request(store);
    const enrolled = await enrolAgent(wish);
    expect(enrolled.controlKey).toBe(controlKey);
    const registered = parseDocument(
      'enrolment',
      enrolmentSchema,
      (await store.get(keys.enrolment(SOURCE)))?.body ?? new Uint8Array(),
    );
    expect(registered).toMatchObject({ server: SOURCE, publicKey: enrolled.signer.publicKey });
    expect(JSON.parse(readFileSync(join(wish.stateFolder, 'agent.json'), 'utf8'))).toMatchObject({
      server: SOURCE,
      root: '/srv/files',
      profile: 'generic',
      controlKey,
    });
    if (process.platform !== 'win32') expect(statSync(join(wish.stateFolder, 'agent-key.pem')).mode & 0o077).toBe(0);
  });

  it('may be repeated by the same agent', async () => {
    const { store } = await storeWithControlKey();
    const wish = request(store);
    const first = await enrolAgent(wish);
    expect((await enrolAgent({ ...wish, root: '/srv/moved' })).signer.keyId).toBe(first.signer.keyId);
  });

  it('refuses another agent for the same server', async () => {
    const { store } = await storeWithControlKey();
    await enrolAgent(request(store));
    await expect(enrolAgent(request(store))).rejects.toMatchObject({
      name: 'BadInput',
      message: expect.stringContaining('another key'),
    });
  });

  it('refuses a control key that has changed', async () => {
    const { store } = await storeWithControlKey();
    const wish = request(store);
    await enrolAgent(wish);
    await store.put(
      keys.controlKey(),
      encodeDocument({ format: CONTROL_KEY_FORMAT, publicKey: createKeySigner().publicKey }),
    );
    await expect(enrolAgent(wish)).rejects.toMatchObject({
      name: 'BadInput',
      message: expect.stringContaining('pinned'),
    });
  });

  it('refuses a control key that is not the expected one, and takes the fingerprint as people paste it', async () => {
    const { controlKey, store } = await storeWithControlKey();
    await expect(enrolAgent(request(store, { expectedControlKey: 'ab'.repeat(32) }))).rejects.toMatchObject({
      name: 'BadInput',
    });
    await enrolAgent(request(store, { expectedControlKey: ` SHA256:${keyId(controlKey).toUpperCase()}` }));
  });

  it('needs a store that a controller has used', async () => {
    await expect(enrolAgent(request(new MemoryStore()))).rejects.toMatchObject({
      name: 'BadInput',
      message: expect.stringContaining('lockstep up'),
    });
  });
});
