import { openStore } from '#adapters/open-store.ts';
import { labelled } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { BadInput } from '#core/errors.ts';
import { fleetServers } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { keyId } from '#core/signed.ts';
import { findControlKey, publishControlKey } from '#functions/control-key.ts';
import type { CommandContext } from '../context.ts';
import { loadFleetFile } from '../fleet-file.ts';
import type { CommandOutcome } from '../outcome.ts';
import { count } from '../show/text.ts';

export interface PushOptions {
  readonly config: string;
  /** Key id, ARN or alias in AWS KMS; needed the first time. */
  readonly signingKey: string | undefined;
}

/** Writes what a workflow on AWS and its agents have to find in the store: the fleet file, and the key to be pinned. */
export async function pushCommand(context: CommandContext, options: PushOptions): Promise<CommandOutcome> {
  const { location, signal, terminal } = context;
  const fleet = await loadFleetFile(options.config);
  const store = await openStore(location.url);
  const controlKey = labelled(keyId(await settleControlKey(store, options, signal)));
  await store.put(keys.fleet(), encodeDocument(fleet), { signal });
  terminal.say(`Agents are enrolled with --control-key ${controlKey}`);
  const servers = fleetServers(fleet).length;
  return {
    exitStatus: 0,
    document: { store: store.url, fleet: fleet.fleet, servers, controlKey },
    text: `Fleet ${fleet.fleet} with ${count(servers, 'server')} is now in ${store.url}.`,
  };
}

/** The one that the store has, or is given now. */
async function settleControlKey(store: ObjectStore, { signingKey }: PushOptions, signal: AbortSignal): Promise<string> {
  if (signingKey === undefined) {
    const published = await findControlKey(store);
    if (published !== undefined) return published;
    throw new BadInput(`the store ${store.url} has no control key yet: name that of the stack with --signing-key`);
  }
  // The client of KMS takes a moment to load, and no other command needs it.
  const { createKmsClient, openKmsSigner } = await import('#adapters/kms-signer.ts');
  const { publicKey } = await openKmsSigner(createKmsClient(), signingKey, signal);
  await publishControlKey(store, publicKey);
  return publicKey;
}
