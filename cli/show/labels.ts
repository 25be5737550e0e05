import { printable } from '#core/printable.ts';
import type { ServerId } from '#core/server.ts';

/** What servers are called on the screen. */
export interface Labels {
  /** Its id, or the folder that was named in its place. */
  of(server: ServerId): string;
  /** A text from the store, made printable, with servers called by their labels. */
  inText(text: string): string;
}

export const serverLabels: Labels = { of: (server) => server, inText: printable };

export function folderLabels(folders: ReadonlyMap<ServerId, string>): Labels {
  return {
    of: (server) => printable(folders.get(server) ?? server),
    inText: (text) =>
      printable([...folders].reduce((told, [server, folder]) => told.replaceAll(server, () => folder), text)),
  };
}
