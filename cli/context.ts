import { stat } from 'node:fs/promises';
import { hasCode } from '#adapters/file-errors.ts';
import { openStore } from '#adapters/open-store.ts';
import { BadInput } from '#core/errors.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Log } from '#functions/dependencies.ts';
import type { StoreLocation } from './store-location.ts';
import type { Terminal } from './terminal.ts';

/** What every command is given; nothing below this reads the environment or a clock. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly location: StoreLocation;
  /** Who is at the keyboard, as requests and decisions record it. */
  readonly person: string;
  readonly now: () => Date;
  /** Five random hex digits. */
  readonly random: () => string;
  /** For the console, where one is named instead of a store. */
  readonly token?: string | undefined;
  /** For the mail server that the fleet file names. */
  readonly smtpPassword?: string | undefined;
  /** For the identity provider that the fleet file names. */
  readonly oidcSecret?: string | undefined;
  /** For whoever looks for a fault; silent unless asked for. */
  readonly log: Log;
  /** Aborts when the person presses Ctrl-C. */
  readonly signal: AbortSignal;
}

/** A store that is there already; BadInput instead of an empty new one. */
export async function openExistingStore({ location }: Pick<CommandContext, 'location'>): Promise<ObjectStore> {
  if (location.isConsole)
    throw new BadInput(
      `this takes the store itself, and ${location.url} is a console: name the store with --store file://FOLDER or s3://BUCKET/PREFIX`,
    );
  if (await isMissing(location)) {
    throw new BadInput(
      `there is no store at ${location.url} yet: lockstep sync or lockstep up makes it, --store names another`,
    );
  }
  return await openStore(location.url);
}

export async function isMissing({ folder }: StoreLocation): Promise<boolean> {
  if (folder === undefined) return false;
  try {
    await stat(folder);
    return false;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return true;
    throw error;
  }
}
