import { keys } from '#core/keys.ts';
import type { Mail } from '#core/ports/notifier.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { SyncId } from '#core/sync.ts';
import type { Dependencies } from '#functions/dependencies.ts';
import type { SyncWish } from '#functions/request-sync.ts';
import type { FakeAgent } from '#test/support/fake-agent.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { RecordingTokens } from '#test/support/recording-tokens.ts';

export const NEW = [file('a.cfg', 'A'), file('x.lic', 'yours', 'license')];
export const OLD = [file('a.cfg', 'a'), file('x.lic', 'mine', 'license')];

/** A sync whose plan waits for approval, and that has no controller any more: its steps are called by hand. */
export interface PlannedFleet {
  readonly fleet: FakeFleet;
  readonly sync: SyncId;
  readonly destinations: readonly FakeAgent[];
  readonly tokens: RecordingTokens;
  readonly mails: readonly Mail[];
  readonly logged: readonly string[];
  readonly dependencies: Dependencies;
}

export async function planFleet(
  size: number,
  wish: Partial<SyncWish> = {},
  seenAs?: ObjectStore,
): Promise<PlannedFleet> {
  const fleet = new FakeFleet(seenAs);
  await fleet.add('plant-a/source', NEW);
  const destinations: FakeAgent[] = [];
  for (let index = 1; index <= size; index++) destinations.push(await fleet.add(`plant-a/tm${index}`, OLD));
  await fleet.start();
  const sync = await fleet.request(wish);
  await fleet.until(async () => (await fleet.store.head(keys.approvalRequested(sync))) !== undefined);
  await fleet.stopController();
  const { mails, signer, store } = fleet;
  const logged: string[] = [];
  const tokens = new RecordingTokens();
  const dependencies = {
    store,
    signer,
    tokens,
    notifier: { send: async (mail: Mail) => void mails.push(mail) },
    now: () => new Date(),
    log: (event: string, fields: object) => void logged.push(`${event} ${JSON.stringify(fields)}`),
  };
  return { fleet, sync, destinations, tokens, mails, logged, dependencies };
}
