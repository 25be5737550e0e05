import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { rsyncWire } from '#bench/contenders/rsync.ts';
import { runProgram } from '#bench/run-program.ts';

const never = new AbortController().signal;

it('gives what a program prints, and on Linux what it and its children took', async () => {
  const script = `require('node:child_process').execFileSync(process.execPath, ['-e', 'Buffer.alloc(9e7, 1); for (let i = 0; i < 3e8; i++);']); console.log('done')`;
  const ended = await runProgram({ file: process.execPath, args: ['-e', script] }, never);
  expect(ended.stdout).toBe('done\n');
  expect(ended.wall).toBeGreaterThan(0);
  if (!existsSync('/proc/self/status')) return;
  expect(ended.cpu).toBeGreaterThan(0);
  expect(ended.memory).toBeGreaterThan(90_000_000);
});

it('fails with what the program complained of', async () => {
  const args = ['-c', 'echo no such thing >&2; exit 3'];
  await expect(runProgram({ file: 'sh', args }, never)).rejects.toThrow(/ended with 3: no such thing/);
});

it('ends a program and what it started when it is told to stop', async () => {
  const stopping = new AbortController();
  const running = runProgram({ file: 'sh', args: ['-c', 'sleep 1000 | sleep 1000'] }, stopping.signal);
  stopping.abort();
  await expect(running).rejects.toThrow(/aborted/);
});

it('reads what rsync says about its traffic', () => {
  const stats = 'Number of files: 3\n\nTotal bytes sent: 1,234,567\nTotal bytes received: 890\n';
  expect(rsyncWire(stats)).toEqual({ up: 1_234_567, down: 890, link: 1_235_457 });
  expect(() => rsyncWire('nothing')).toThrow('rsync did not say');
});
