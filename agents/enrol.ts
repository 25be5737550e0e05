import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openFileSigner } from '#adapters/file-signer.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { BadInput, InvalidDocument, StorePrecondition } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Signer } from '#core/ports/signer.ts';
import type { Profile } from '#core/profile.ts';
import { controlKeySchema, ENROLMENT_FORMAT, enrolmentSchema } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { keyId } from '#core/signed.ts';
import { type AgentFile, readAgentFile, writeAgentFile } from './agent-file.ts';
import { together } from './in-parallel.ts';

export interface EnrolmentRequest {
  readonly store: ObjectStore;
  readonly server: ServerId;
  readonly root: string;
  /** By name or path for an agent that is to be started from its state folder. */
  readonly profile: Profile | string;
  readonly stateFolder: string;
  readonly now: () => Date;
  /** Fingerprint that a person has from a source that he trusts. */
  readonly expectedControlKey?: string;
}

export interface Enrolled {
  readonly signer: Signer;
  /** PEM. */
  readonly controlKey: string;
}

/**
 * Makes the agent's key, registers it once for the server, and pins the control plane's key. The same agent may enrol
 * again. Throws BadInput when either key is another one than before.
 */
export async function enrolAgent(request: EnrolmentRequest): Promise<Enrolled> {
  const { profile, root, server, stateFolder, store } = request;
  const former = await readAgentFile(stateFolder);
  const [controlKey, registered] = await together(findControlKey(request, former), readRegisteredKey(store, server));
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const signer = await openAgentSigner(stateFolder);
  if (registered !== signer.publicKey) await register(request, signer.publicKey);
  const profileName = typeof profile === 'string' ? profile : profile.name;
  const file = {
    format: 'lockstep-agent/1',
    server,
    store: store.url,
    root,
    profile: profileName,
    controlKey,
    // What the operator has written there.
    ...(former === undefined ? {} : { hooks: former.hooks, keepPreImages: former.keepPreImages }),
  } as const;
  await writeAgentFile(stateFolder, file);
  return { signer, controlKey };
}

export function openAgentSigner(stateFolder: string): Promise<Signer> {
  return openFileSigner(join(stateFolder, 'agent-key.pem'));
}

/** As the store has it now. */
export async function readControlKey(store: ObjectStore): Promise<string | undefined> {
  const stored = await store.get(keys.controlKey());
  return stored === undefined ? undefined : parseDocument(keys.controlKey(), controlKeySchema, stored.body).publicKey;
}

async function findControlKey(
  { expectedControlKey, server, stateFolder, store }: EnrolmentRequest,
  former: AgentFile | undefined,
): Promise<string> {
  const controlKey = await readControlKey(store);
  if (controlKey === undefined) {
    throw new BadInput(
      `the store ${store.url} has no control key yet: lockstep up, or lockstep push for a fleet on AWS, puts it there; then enrol again`,
    );
  }
  const fingerprint = keyId(controlKey);
  const expected = expectedControlKey
    ?.trim()
    .toLowerCase()
    .replace(/^sha256:/, '');
  if (expected !== undefined && expected !== fingerprint) {
    throw new BadInput(
      `the store's control key has the fingerprint sha256:${fingerprint}, not sha256:${expected}: do not enrol before you know why`,
    );
  }
  if (former !== undefined && former.server !== server) {
    throw new BadInput(`${stateFolder} is the state folder of ${former.server}: give ${server} another one`);
  }
  if (former !== undefined && keyId(former.controlKey) !== fingerprint) {
    throw new BadInput(
      `the store's control key is no longer the one that ${stateFolder} has pinned: if that is right, enrol with a new state folder`,
    );
  }
  return controlKey;
}

async function register({ now, server, store }: EnrolmentRequest, publicKey: string): Promise<void> {
  const enrolment = { format: ENROLMENT_FORMAT, server, publicKey, enrolledAt: now().toISOString() } as const;
  try {
    await store.create(keys.enrolment(server), encodeDocument(enrolment));
  } catch (error) {
    if (!(error instanceof StorePrecondition)) throw error;
    if ((await readRegisteredKey(store, server)) === publicKey) return;
    throw new BadInput(
      `${server} is enrolled with another key already: use that agent's state folder, or remove ${keys.enrolment(server)} from the store first`,
      { cause: error },
    );
  }
}

/** The key that others know this server by. */
export async function readRegisteredKey(store: ObjectStore, server: ServerId): Promise<string | undefined> {
  const stored = await store.get(keys.enrolment(server));
  if (stored === undefined) return undefined;
  try {
    return parseDocument(keys.enrolment(server), enrolmentSchema, stored.body).publicKey;
  } catch (cause) {
    if (!(cause instanceof InvalidDocument)) throw cause;
    throw new BadInput(`${cause.message}; remove it from the store, then enrol again`, { cause });
  }
}
