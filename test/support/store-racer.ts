import { once } from 'node:events';
import { argv, stdin, stdout } from 'node:process';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { StorePrecondition } from '#core/errors.ts';
import { incrementOnce, isUniform } from './store-races.ts';

/** One process of a race: `node store-racer.ts FOLDER NAME race|increment`. Starts on a line of stdin. */
const [folder = '', name = '', task = ''] = argv.slice(2);
const store = new DirectoryStore(folder);

stdout.write('ready\n');
await once(stdin, 'data');
stdin.destroy();

if (task === 'race') await race();
else await incrementForEver();

async function race(): Promise<void> {
  const created: string[] = [];
  let torn = 0;
  for (let round = 0; round < 40; round += 1) {
    if (await creates(`contested/${round}`)) created.push(`contested/${round}`);
    await incrementOnce(store, 'counter');
    await store.put('rewritten', new Uint8Array(200_000 + round).fill(name.charCodeAt(0)));
    const read = await store.get('rewritten');
    if (read === undefined || !isUniform(read.body)) torn += 1;
  }
  stdout.write(`${JSON.stringify({ created, torn })}\n`);
}

/** A line for each increment that was promised. */
async function incrementForEver(): Promise<never> {
  for (;;) {
    await incrementOnce(store, 'counter');
    stdout.write('done\n');
  }
}

async function creates(key: string): Promise<boolean> {
  try {
    await store.create(key, new TextEncoder().encode(name));
    return true;
  } catch (error) {
    if (error instanceof StorePrecondition) return false;
    throw error;
  }
}
