import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { keys, type OrderId, parseOrderId } from '#core/keys.ts';
import { serverIdSchema } from '#core/server.ts';
import type { Call } from './fault.ts';
import { CALLS_FILE, HIT_FILE } from './seam.ts';

export const STANDS_STILL_FILE = 'stands-still';

const aboutSchema = z.strictObject({ server: serverIdSchema, order: z.string().transform(parseOrderId) });

/** What a world is made for: an agent that has one order to answer. */
export interface About {
  readonly order: OrderId;
  readonly server: z.infer<typeof serverIdSchema>;
}

/** A folder with a server, its agent's state, and the store, that can be copied whole. */
export class World {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** What the seam watches. */
  get server(): string {
    return join(this.folder, 'server');
  }

  get root(): string {
    return join(this.server, 'root');
  }

  get state(): string {
    return join(this.server, 'state');
  }

  get profile(): string {
    return join(this.folder, 'profile.yaml');
  }

  get storeFolder(): string {
    return join(this.folder, 'store');
  }

  /** One that has seen nothing yet: the folder may be another than before. */
  store(): DirectoryStore {
    return new DirectoryStore(this.storeFolder);
  }

  get about(): About {
    return aboutSchema.parse(JSON.parse(readFileSync(this.#file('about.json'), 'utf8')));
  }

  describe(about: About): void {
    writeFileSync(this.#file('about.json'), JSON.stringify(about));
  }

  /** As `other` is, times and permissions included. */
  copyFrom(other: World): void {
    rmSync(this.folder, { recursive: true, force: true });
    execFileSync('cp', ['-a', other.folder, this.folder]);
  }

  /** Where the fault was met, if it was. */
  get hit(): Call | undefined {
    const file = this.#file(HIT_FILE);
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  }

  /** Of the last counting run. */
  get calls(): readonly Call[] {
    const lines = readFileSync(this.#file(CALLS_FILE), 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  forgetCalls(): void {
    for (const name of [HIT_FILE, CALLS_FILE]) rmSync(this.#file(name), { force: true });
  }

  get receiptKey(): string {
    const { order, server } = this.about;
    return keys.receipt(server, order);
  }

  /** A before hook has stopped it, and no after hook has started it again. */
  get standsStill(): boolean {
    return existsSync(this.#file(STANDS_STILL_FILE));
  }

  #file(name: string): string {
    return join(this.folder, name);
  }
}
