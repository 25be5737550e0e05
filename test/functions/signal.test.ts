import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeDocument } from '#core/documents.ts';
import { keys, orderId } from '#core/keys.ts';
import { PROGRESS_FORMAT } from '#core/receipt.ts';
import { sign } from '#core/signed.ts';
import { apply } from '#functions/apply/apply.ts';
import { inventory } from '#functions/inventory/inventory.ts';
import { signal } from '#functions/signal/signal.ts';
import { findToken, parkBeatingToken, parkToken } from '#functions/waiting.ts';
import type { FakeAgent } from '#test/support/fake-agent.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { type PlannedFleet, planFleet } from './planned-fleet.ts';

let planned: PlannedFleet;
let agent: FakeAgent;
let order: ReturnType<typeof orderId>;

beforeEach(async () => {
  planned = await planFleet(2);
  const [first] = planned.destinations;
  if (first === undefined) throw new Error('expected an agent');
  agent = first;
  order = orderId(planned.sync, 'inventory', agent.server);
});

afterEach(() => planned.fleet.end());

async function writeProgress(about: string, signer = agent.signer, now = new Date()): Promise<string> {
  const counts = { filesDone: 0, filesTotal: 1, bytesDone: 0, bytesTotal: 1 };
  const at = now.toISOString();
  const progress = { format: PROGRESS_FORMAT, order: about, server: agent.server, at, stage: 'scanning', ...counts };
  const key = keys.progress(agent.server, order);
  await planned.fleet.store.put(key, encodeDocument(await sign(progress, signer)));
  return key;
}

describe('a signal', () => {
  it('of a receipt answers the token once, however often it is delivered', async () => {
    const { dependencies, fleet, tokens } = planned;
    await parkToken(fleet.store, order, 't');
    const key = keys.receipt(agent.server, order);
    await Promise.all([signal(dependencies, key), signal(dependencies, key)]);
    await signal(dependencies, key);
    expect(new Set(tokens.told)).toEqual(new Set(['succeed t {"outcome":"DONE"}']));
    expect(await findToken(fleet.store, order)).toBeUndefined();
  });

  it('that comes when nobody waits any more changes nothing', async () => {
    const { dependencies, fleet, logged, tokens } = planned;
    await parkToken(fleet.store, order, 'gone');
    await signal(dependencies, keys.receipt(agent.server, order));
    await signal(dependencies, await writeProgress(order));
    expect([...tokens.told, ...logged]).toEqual([]);
  });

  it('of a receipt is ignored, and reported, when its agent is not enrolled any more', async () => {
    const { dependencies, fleet, logged, tokens } = planned;
    await parkToken(fleet.store, order, 't');
    await fleet.store.delete(keys.enrolment(agent.server));
    await signal(dependencies, keys.receipt(agent.server, order));
    expect(tokens.told).toEqual([]);
    expect(logged).toEqual([expect.stringContaining('is not enrolled')]);
  });

  it('of progress is a heartbeat if the agent signed it for this order, and nothing else', async () => {
    const { dependencies, fleet, logged, tokens } = planned;
    await parkToken(fleet.store, order, 't');
    await signal(dependencies, await writeProgress(order, createKeySigner()));
    await signal(dependencies, await writeProgress(orderId(planned.sync, 'apply', agent.server)));
    expect(tokens.told).toEqual([]);
    expect(logged).toEqual([expect.stringContaining('did not sign'), expect.stringContaining('is about order')]);
    await signal(dependencies, await writeProgress(order));
    expect(tokens.told).toEqual(['heartbeat t']);
  });

  it('of progress counts once in a quarter of the time after which silence is an end', async () => {
    const { dependencies, fleet, tokens } = planned;
    await parkBeatingToken(fleet.store, order, { token: 't', silenceSeconds: 60 });
    for (const seconds of [0, 2, 14, 16, 18, 32]) {
      await signal(
        dependencies,
        await writeProgress(order, agent.signer, new Date(1_767_000_000_000 + seconds * 1000)),
      );
    }
    expect(tokens.told).toEqual(['heartbeat t', 'heartbeat t', 'heartbeat t']);
  });

  it('under another server’s name moves nobody’s token', async () => {
    const { dependencies, destinations, fleet, tokens } = planned;
    await parkToken(fleet.store, order, 't');
    const receipt = await fleet.store.get(keys.receipt(agent.server, order));
    const other = destinations[1]?.server ?? agent.server;
    await fleet.store.put(keys.receipt(other, order), receipt?.body ?? new Uint8Array());
    await signal(dependencies, keys.receipt(other, order));
    expect(tokens.told).toEqual([]);
  });
});

describe('a step that is run again after its answer came', () => {
  it('finds the answer itself, for no signal comes any more', async () => {
    const { dependencies, fleet, sync, tokens } = planned;
    const { server } = agent;
    await inventory(dependencies, { step: 'take', sync, server, token: 'inventory again' });
    await fleet.vote(sync, 'APPROVED');
    await apply(dependencies, { sync, server, token: 'apply' });
    const answer = keys.receipt(server, orderId(sync, 'apply', server));
    await fleet.until(async () => (await fleet.store.head(answer)) !== undefined);
    await apply(dependencies, { sync, server, token: 'apply again' });
    expect(tokens.told).toEqual([
      'succeed inventory again {"outcome":"DONE"}',
      'succeed apply again {"outcome":"SUCCEEDED"}',
    ]);
    expect(agent.obeyed.map(({ step }) => step)).toEqual(['inventory', 'apply']);
  });
});
