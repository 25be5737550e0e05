import { describe, expect, it } from 'vitest';
import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import type { Signer } from '#core/ports/signer.ts';
import type { AgentStatus } from '#core/receipt.ts';
import { serverIdSchema } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { startStoreFleet } from './store-fleet.ts';

const BACKUP = serverIdSchema.parse('west/backup');

function minutesAgo(minutes: number): string {
  return new Date(Date.now() - minutes * 60_000).toISOString();
}

/** A fleet with one sync behind it, so that orders 1 and 2 were issued to the destination. */
async function startSynced() {
  const { destination, fleet, run, runJson, sync } = await startStoreFleet();
  await sync();
  const speak = async (said: Partial<AgentStatus>, signer: Signer = destination.signer) => {
    const status: AgentStatus = {
      format: 'lockstep-status/1',
      server: BACKUP,
      seenAt: new Date().toISOString(),
      agent: 'fake',
      lastSequence: 2,
      ...said,
    };
    await fleet.store.put(keys.status(BACKUP), encodeDocument(await sign(status, signer)));
  };
  const overview = async () => (await runJson('status')).document.servers[1];
  return { overview, run, speak };
}

describe('lockstep status', () => {
  it('shows an agent as online that was shown the newest order', async () => {
    const { overview, run, speak } = await startSynced();
    const orders = { newest: 2, since: minutesAgo(5), lookedAt: minutesAgo(0) };
    await speak({ orders });
    expect(await overview()).toMatchObject({ server: BACKUP, offline: false, lastSequence: 2, orders });
    expect(await overview()).not.toHaveProperty('trouble');
    expect((await run('status')).out).toMatch(/west\/backup +│ online/);
  });

  it('says that what serves an agent is frozen when it goes on looking and sees an old order', async () => {
    const { overview, run, speak } = await startSynced();
    // The offline limit is a minute: by then it should have been shown the order that was issued just now.
    const lookedAt = minutesAgo(-2);
    await speak({ orders: { newest: 1, since: minutesAgo(5), lookedAt } });
    expect(await overview()).toMatchObject({
      offline: false,
      trouble: {
        kind: 'stale-view',
        detail: expect.stringContaining('its agent was shown order 1, though order 2 was issued'),
      },
    });
    const { out } = await run('status');
    expect(out).toMatch(/west\/backup +│ stale view/);
    expect(out).toContain('what serves the store there is frozen or old');
  });

  it('passes on what the agent itself has noticed', async () => {
    const { overview, speak } = await startSynced();
    const since = minutesAgo(3);
    await speak({ staleStore: { since, detail: 'it shows order 1, where order 2 was' } });
    expect(await overview()).toMatchObject({ trouble: { kind: 'stale-view', since } });
  });

  it.each<[string, () => Signer | undefined, Partial<AgentStatus>]>([
    ['signed by another key', () => createKeySigner(), {}],
    ['about another server', () => undefined, { server: serverIdSchema.parse('west/primary') }],
  ])('does not believe a status that is %s, and shows the other servers all the same', async (_, signer, said) => {
    const { overview, run, speak } = await startSynced();
    await speak(said, signer());
    expect(await overview()).toMatchObject({ offline: true, trouble: { kind: 'bad-status' } });
    expect(await overview()).not.toHaveProperty('seenAt');
    const { exitStatus, out } = await run('status');
    expect(out).toMatch(/west\/primary +│ offline/);
    expect(out).toMatch(/west\/backup +│ bad status/);
    expect(exitStatus).toBe(0);
  });
});
