/**
 * A process that is an agent again and again: `faulty-agent WORLD` does the jobs that its parent sends, `faulty-agent
 * WORLD FAULT CALL` one and ends, with `count` or `none` in the place of a fault.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serveWorld } from './agent-of-world.ts';
import { FAULTS } from './fault.ts';
import { DONE_FILE, type Done, type Job } from './job.ts';
import { beginRun, endRun, enterStep, spanSeam } from './seam.ts';
import { World } from './world.ts';

void main(process.argv.slice(2));

async function main([folder = '', fault, call]: readonly string[]): Promise<void> {
  const world = new World(folder);
  spanSeam(world.server);
  if (fault === undefined) {
    process.on('message', ({ what }: Job) => void serve(world, what).then((done) => process.send?.(done)));
    process.once('disconnect', () => process.exit());
    return;
  }
  const [placed] = FAULTS.flatMap((one) => (one === fault ? [{ fault: one, call: Number(call) }] : []));
  const done = await serve(world, fault === 'count' ? fault : placed);
  writeFileSync(join(folder, DONE_FILE), JSON.stringify(done));
  process.exit();
}

async function serve(world: World, what: Job['what']): Promise<Done> {
  const served = await serveWorld(world, {
    onBegin: () => beginRun(what),
    onEvent: (event) => {
      if (event === 'rolling-back') enterStep('undo');
    },
  });
  return { ...served, calls: endRun() };
}
