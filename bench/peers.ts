import type { PeerName } from './contender.ts';
import { runProgram } from './run-program.ts';

export interface InstalledPeers {
  /** What each program calls itself and its version. */
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: readonly string[];
  isInstalled(peer: PeerName): boolean;
}

const PROGRAMS = {
  openssl: ['version'],
  sha256sum: ['--version'],
  rsync: ['--version'],
  casync: ['--version'],
  restic: ['version'],
} as const;

/** Asks every peer for its version: who does not answer is not there. */
export async function findPeers(signal: AbortSignal): Promise<InstalledPeers> {
  const said = new Map<string, string>();
  for (const [file, args] of Object.entries(PROGRAMS)) {
    const text = await answerOf(file, args, signal);
    if (text !== undefined) said.set(file, text);
  }
  const knowsZstd = /\bzstd\b/.test(said.get('rsync') ?? '');
  return {
    versions: Object.fromEntries([...said].map(([file, text]) => [file, text.split('\n')[0]?.trim() ?? ''])),
    missing: [
      ...Object.keys(PROGRAMS).filter((file) => !said.has(file)),
      ...(said.has('rsync') && !knowsZstd ? ['rsync with zstd'] : []),
    ],
    isInstalled: (peer) => said.has(peer.replace(/^rsync-.*/, 'rsync')) && (peer !== 'rsync-zstd' || knowsZstd),
  };
}

async function answerOf(file: string, args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await runProgram({ file, args }, signal)).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
