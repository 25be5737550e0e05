import { accessSync, constants, lstatSync, readdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { openStore } from '#adapters/open-store.ts';
import { loadProfile } from '#adapters/profile-file.ts';
import { parseDocument } from '#core/documents.ts';
import { BadInput } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { signedStatusSchema } from '#core/receipt.ts';
import { keyId } from '#core/signed.ts';
import { findRoot } from './agent.ts';
import { type AgentFile, readAgentFile } from './agent-file.ts';
import { openAgentSigner, readControlKey, readRegisteredKey } from './enrol.ts';
import { findProgram, type Hook } from './hook-settings.ts';
import { listPreImages, preImageBytes } from './pre-images.ts';
import { readStaleStore } from './store-view.ts';

export interface Finding {
  readonly check: string;
  readonly isGood: boolean;
  /** What was found; for a bad one also what to do. */
  readonly detail: string;
}

/** Looks at all that an agent needs, one thing after the other, and changes nothing. */
export async function* examine(
  stateFolder: string,
  surroundings: { readonly hookEnvironment: Readonly<Record<string, string>> },
): AsyncGenerator<Finding> {
  yield await look('Node.js', () => nodeVersion());
  const file: { value?: AgentFile } = {};
  yield await look('configuration', async () => {
    const found = await readAgentFile(stateFolder);
    if (found === undefined)
      throw new BadInput(
        `there is no agent.json in ${stateFolder}: enrol this server first, with lockstep-agent enroll`,
      );
    file.value = found;
    return `${found.server} in ${stateFolder}`;
  });
  if (file.value === undefined) return;
  const { controlKey, hooks, profile, root, server, store: url } = file.value;
  yield await look('root', () => readableRoot(root));
  yield await look('writing in the root', async () => writableRoot(root));
  yield await look('free space', () => freeSpace(root));
  yield await look('pre-images', () => keptForRollback(root));
  yield await look(
    'profile',
    async () => `${(await loadProfile(profile)).name}, version ${(await loadProfile(profile)).version}`,
  );
  for (const name of HOOKS) {
    const hook = hooks?.[name];
    if (hook !== undefined) yield await look(`${name} hook`, () => showHook(hook, surroundings.hookEnvironment));
  }
  const opened: { value?: ObjectStore } = {};
  yield await look('store', async () => {
    const store = await openStore(url);
    await store.get(keys.controlKey());
    opened.value = store;
    return store.url;
  });
  const store = opened.value;
  if (store === undefined) return;
  yield await look('control key', () => pinnedKey(store, controlKey));
  yield await look('own key', () => ownKey(store, { server, stateFolder }));
  yield await look('clock', () => clock(store, server));
  yield await look('what the store shows', () => storeView(stateFolder));
}

async function look(check: string, find: () => string | Promise<string>): Promise<Finding> {
  try {
    return { check, isGood: true, detail: await find() };
  } catch (error) {
    return { check, isGood: false, detail: (error as Error).message };
  }
}

function nodeVersion(): string {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 15)) return process.versions.node;
  throw new BadInput(`Node.js ${process.versions.node} is too old: install 22.15 or later`);
}

async function readableRoot(root: string): Promise<string> {
  readdirSync(await findRoot(root));
  return root;
}

function writableRoot(root: string): string {
  try {
    accessSync(root, constants.W_OK | constants.X_OK);
    return 'allowed';
  } catch (cause) {
    const enough = 'enough for a source; for a destination give its user the permission';
    if (lstatSync(root, { throwIfNoEntry: false }) !== undefined) return `not allowed: ${enough}`;
    throw new BadInput(`${root} is not there: mount or make it`, { cause });
  }
}

async function freeSpace(root: string): Promise<string> {
  const { bavail, blocks, bsize } = await statfs(root);
  const free = bavail * bsize;
  const text = `${Math.round(free / 1e6)} MB of ${Math.round((blocks * bsize) / 1e6)} MB`;
  if (free >= LITTLE_SPACE) return text;
  throw new BadInput(`${text}: free some space, new files are staged beside the old ones`);
}

function showHook(hook: Hook, environment: Readonly<Record<string, string>>): string {
  const [, ...args] = hook.command;
  const shown = [findProgram(hook, environment), ...args].map((part) => JSON.stringify(part)).join(' ');
  return `${shown}, at most ${hook.timeoutSeconds} seconds`;
}

function keptForRollback(root: string): string {
  const applies = listPreImages(root).length;
  return applies === 0 ? 'none' : `of ${applies} of the last applies, ${Math.ceil(preImageBytes(root) / 1e6)} MB`;
}

async function pinnedKey(store: ObjectStore, pinned: string): Promise<string> {
  const current = await readControlKey(store);
  if (current === undefined)
    throw new BadInput(`the store has none: is ${store.url} the right store? Start the controller with lockstep up`);
  if (keyId(current) === keyId(pinned)) return `sha256:${keyId(pinned)}`;
  throw new BadInput(
    `the store's is sha256:${keyId(current)}, pinned is sha256:${keyId(pinned)}: find out who changed it; if that is right, enrol with a new state folder`,
  );
}

async function ownKey(
  store: ObjectStore,
  { server, stateFolder }: Pick<AgentFile, 'server'> & { readonly stateFolder: string },
): Promise<string> {
  const { keyId: own, publicKey } = await openAgentSigner(stateFolder);
  const registered = await readRegisteredKey(store, server);
  if (registered === publicKey) return `sha256:${own}`;
  throw new BadInput(
    registered === undefined
      ? `${server} is not registered in the store: enrol again`
      : `the store knows ${server} by another key: find out who enrolled it; if that is right, remove ${keys.enrolment(server)} and enrol again`,
  );
}

/** The store notes when it got the agent's last status, the status when the agent wrote it. */
async function clock(store: ObjectStore, server: AgentFile['server']): Promise<string> {
  const [info, stored] = [await store.head(keys.status(server)), await store.get(keys.status(server))];
  if (info === undefined || stored === undefined) return 'not to be seen before the agent has run';
  const { seenAt } = parseDocument(keys.status(server), signedStatusSchema, stored.body).payload;
  const seconds = Math.round((info.modified.getTime() - Date.parse(seenAt)) / 1000);
  if (Math.abs(seconds) <= TOLERATED_SECONDS) return `within ${TOLERATED_SECONDS} seconds of the store's`;
  throw new BadInput(
    `${Math.abs(seconds)} seconds ${seconds > 0 ? 'behind' : 'ahead of'} the store's: set this server's clock`,
  );
}

async function storeView(stateFolder: string): Promise<string> {
  const [stale] = Object.values(await readStaleStore(stateFolder));
  if (stale === undefined) return 'the agent has noticed nothing old';
  throw new BadInput(
    `since ${stale.since}: ${stale.detail}; compare the store's address, a proxy, or a copy in between`,
  );
}

const HOOKS = ['before', 'after', 'check'] as const;
const LITTLE_SPACE = 64 * 1024 * 1024;
const TOLERATED_SECONDS = 60;
