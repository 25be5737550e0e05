import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ProgramEnd, runProgram } from '#agents/run-program.ts';
import { testFolder } from './test-folder.ts';

/** Long enough for any program that ends by itself. */
const PATIENCE = 30_000;

function run(script: string, args: readonly string[] = [], timeoutMilliseconds = PATIENCE): Promise<ProgramEnd> {
  return runProgram({
    command: [process.execPath, '-e', script, ...args],
    folder: testFolder(),
    environment: { MARK: 'only this' },
    timeoutMilliseconds,
    onStarted: () => undefined,
  });
}

/** Starts a program that would go on for a minute, and notes its process id. */
const LEAVES_A_CHILD = `
  const { spawn } = require('node:child_process');
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'inherit' });
  require('node:fs').writeFileSync(process.argv[1], String(child.pid));`;

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return !readFileSync(`/proc/${processId}/stat`, 'latin1').includes(') Z');
  } catch {
    return false;
  }
}

describe('a program that is run', () => {
  it('has the environment that it is given and no other, and its own folder', async () => {
    const { output, outcome, status } = await run(
      'console.log(JSON.stringify(process.env)); console.error(process.cwd())',
    );
    expect({ outcome, status }).toEqual({ outcome: 'succeeded', status: 'exit status 0' });
    const [environment = '', folder] = output.split('\n');
    expect(JSON.parse(environment)).toEqual({ MARK: 'only this' });
    expect(folder).toContain('lockstep-agent-');
  });

  it('is shown by the end of its output, however long that is, in lines that are safe to print', async () => {
    const { output } = await run(
      "process.stdout.write('x'.repeat(3000000) + '\\n\\u001b[2Jred\\r\\nthe end\\n'); process.exitCode = 0",
    );
    expect(output.length).toBeLessThanOrEqual(4096);
    expect(output).toMatch(/x\n\\u\{1b\}\[2Jred\nthe end$/);
  });

  it('fails with its exit status, or with the signal that ended it', async () => {
    expect(await run('process.exit(7)')).toMatchObject({ outcome: 'failed', status: 'exit status 7' });
    expect(await run("process.kill(process.pid, 'SIGTERM')")).toMatchObject({
      outcome: 'failed',
      status: 'killed by SIGTERM',
    });
  });

  it('fails when it cannot be started', async () => {
    const end = await runProgram({
      command: ['/nowhere/at/all'],
      folder: testFolder(),
      environment: {},
      timeoutMilliseconds: PATIENCE,
      onStarted: () => undefined,
    });
    expect(end).toMatchObject({ outcome: 'failed', status: expect.stringContaining('cannot be started'), output: '' });
  });

  it('is killed when its time is up, with what it has started', async () => {
    const note = join(testFolder(), 'child');
    const end = await run(`${LEAVES_A_CHILD} console.log('waiting'); setTimeout(() => {}, 60000);`, [note], 1500);
    expect(end).toMatchObject({ outcome: 'timed-out', status: 'killed after 1.5 seconds', output: 'waiting' });
    const child = Number(readFileSync(note, 'utf8'));
    while (isAlive(child)) await sleep(5);
  });

  it('has ended when it ends, and what it leaves running lives on', async () => {
    const note = join(testFolder(), 'child');
    const end = await run(`${LEAVES_A_CHILD} child.unref(); console.log('started');`, [note]);
    expect(end).toMatchObject({ outcome: 'succeeded', output: 'started' });
    const child = Number(readFileSync(note, 'utf8'));
    onTestFinished(() => void process.kill(child, 'SIGKILL'));
    expect(isAlive(child)).toBe(true);
  });
});
