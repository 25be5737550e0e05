import { writeSync } from 'node:fs';
import { argv } from 'node:process';
import { ProcessLock } from '#adapters/process-lock.ts';

/** Takes the lock of the file named, says so, and keeps it until it is killed, or for a minute. */
await new ProcessLock(argv[2] ?? '').hold({ key: 'held' }, () => {
  writeSync(1, 'held\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
});
