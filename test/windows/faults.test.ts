import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { bundleFaultyAgent } from '../faults/bundle-faulty-agent.ts';
import type { Call, Fault } from '../faults/fault.ts';
import { DONE_FILE, type Done, type Job } from '../faults/job.ts';
import { type FaultyAgent, Lane } from '../faults/lane.ts';
import { setStage } from '../faults/scenarios.ts';
import { World } from '../faults/world.ts';
import { CACHE, DRIVE_FOLDER, WindowsProgram, windowsPath } from './wine.ts';

/** A process for each job: Wine hands no messages to a child. */
class WineAgent implements FaultyAgent {
  readonly #program: string;
  readonly #world: World;

  constructor(program: string, world: World) {
    this.#program = program;
    this.#world = world;
  }

  async run({ what }: Job): Promise<Done | 'died'> {
    const done = join(this.#world.folder, DONE_FILE);
    rmSync(done, { force: true });
    const args = typeof what === 'object' ? [what.fault, String(what.call)] : [what ?? 'none'];
    const program = new WindowsProgram('node', [windowsPath(this.#program), windowsPath(this.#world.folder), ...args]);
    const { code, stderr } = await program.ended();
    if (code !== 0 && what === undefined)
      process.stderr.write(`the agent ended with ${code}: ${stderr.slice(-2000)}\n`);
    return code === 0 ? JSON.parse(readFileSync(done, 'utf8')) : 'died';
  }
}

/** The last call of each step, and of each kind that changes the tree. */
function sampleOf(calls: readonly Call[]): Call[] {
  const ofSteps = new Map(calls.map((call) => [call.step, call]));
  const ofKinds = new Map(calls.filter(({ name }) => CHANGING.test(name)).map((call) => [call.name, call]));
  return [...new Set([...ofSteps.values(), ...ofKinds.values()])];
}

const CHANGING = /^(rename|link|rmdir|mkdir|unlink)/;
const SAMPLE: readonly Fault[] = ['kill before', 'EBUSY', 'EPERM for good'];

it('leaves the old tree or the new one on Windows, and says which, in a sample of faults', async () => {
  const folder = mkdtempSync(join(DRIVE_FOLDER, 'faults-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  mkdirSync(join(CACHE, 'faults'), { recursive: true });
  const world = new World(join(folder, 'world'));
  const lane = new Lane(world, new WineAgent(await bundleFaultyAgent(join(CACHE, 'faults')), world));
  const stage = await setStage({ name: 'mirror', wish: { mode: 'mirror', isForWindows: true } }, folder, lane);
  const wrongs: string[] = [];
  const trees = new Set<string>();
  for (const [index, call] of sampleOf(stage.calls).entries()) {
    const fault = SAMPLE[index % SAMPLE.length] ?? 'kill before';
    const trial = await lane.try(stage.prepared, { fault, call: call.number }, stage.bounds);
    trees.add(trial.tree);
    for (const wrong of trial.wrongs) wrongs.push(`${fault} ${call.name} ${call.path}: ${wrong}`);
  }
  expect(wrongs).toEqual([]);
  expect([...trees].sort()).toEqual(['new', 'old']);
}, 600_000);
