import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { argv } from 'node:process';
import { openFileSigner } from '#adapters/file-signer.ts';
import { openStore } from '#adapters/open-store.ts';
import { isWrite, wrapStore } from '#adapters/wrap-store.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { Controller } from '#embedded/controller.ts';
import { leadAlone } from '#embedded/lead-alone.ts';

/**
 * A controller among others: `node controller-process.ts STORE KEY NAME LEASE_MILLISECONDS [STOP_AT]`. Says what it does, a
 * word a line; stops itself, as by SIGSTOP from outside, in the middle of its write number STOP_AT.
 */
const [url = '', key = '', name = '', milliseconds = '', stopAt = '0'] = argv.slice(2);
const say = (word: string) => writeSync(1, `${word}\n`);
const log = (event: string) => {
  if (event === 'controller-leading') say('leading');
  if (event === 'controller-lease-lost') say('lost');
};
const now = () => new Date();
const store = stoppingAt(Number(stopAt), await openStore(url));
const signer = await openFileSigner(key);
const notifier = { send: async () => void say('mail') };
const common = { now, log, signal: new AbortController().signal };
const terms = { by: name, holder: name, onStandBy: () => say('standing-by'), milliseconds: Number(milliseconds) };

await leadAlone({ ...common, ...terms, store }, async (fenced, over) => {
  const parts = { signer, notifier, now, log, pollMilliseconds: 20, adopt: true };
  const controller = await Controller.start({ ...parts, store: fenced });
  if (!over.aborted) await once(over, 'abort');
  await controller.stop();
});

/** Beneath the look at the lease: the write that is under way is done, whatever time has passed. */
function stoppingAt(write: number, direct: ObjectStore): ObjectStore {
  let writes = 0;
  return wrapStore(direct, async (call, run) => {
    if (isWrite(call) && call.key !== keys.controllerLease() && ++writes === write) {
      say('stopped');
      process.kill(process.pid, 'SIGSTOP');
    }
    return run();
  });
}
