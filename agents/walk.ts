import type { Profile } from '#core/profile.ts';
import type { FolderToSee, RememberedRows, RowsOfFolder, SeenFolder } from './look-at-folders.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface WalkRequest {
  readonly root: string;
  readonly profile: Profile;
  readonly workers: WorkerPool;
  readonly remembered: RememberedRows | undefined;
  /** What is known of a folder beforehand. */
  readonly folder: (path: string) => FolderToSee;
  readonly signal: AbortSignal | undefined;
}

export interface WalkedFolder {
  /** '' for the root; else ends with a slash. */
  readonly path: string;
  readonly rows: RowsOfFolder | undefined;
  readonly seen: Extract<SeenFolder, { readonly kind: 'seen' }>;
}

/** A folder or a file vanished between two looks at it: look again. */
export class TreeChanged extends Error {
  override readonly name = 'TreeChanged';
  readonly path: string;

  constructor(path: string, options?: ErrorOptions) {
    super(`${path} changed while the folder was read`, options);
    this.path = path;
  }
}

/** Every folder below the root, parents first, each looked at in a thread. Links are not followed. */
export async function walk(request: WalkRequest, take: (folder: WalkedFolder) => void): Promise<void> {
  const waiting = [''];
  const running = new Set<Promise<void>>();
  const width = LOOKS_PER_THREAD * request.workers.size;
  let failure: { readonly error: unknown } | undefined;
  const look = async (paths: readonly string[]) => {
    try {
      const walked = await lookAt(request, paths);
      waiting.push(...paths.slice(walked.length));
      for (const folder of walked) {
        take(folder);
        for (const name of folder.seen.folders) waiting.push(`${folder.path}${name}/`);
      }
    } catch (error) {
      failure ??= { error };
    }
  };
  while (running.size > 0 || (waiting.length > 0 && failure === undefined)) {
    while (waiting.length > 0 && running.size < width && failure === undefined) {
      const share = Math.min(MOST_FOLDERS, Math.ceil(waiting.length / width));
      const looking: Promise<void> = look(waiting.splice(0, share)).then(() => void running.delete(looking));
      running.add(looking);
    }
    await Promise.race(running);
  }
  if (failure !== undefined) throw (failure as { readonly error: unknown }).error;
}

/** As many, from the first on, as were work enough for one go. */
async function lookAt(
  { folder: recall, profile, remembered, root, signal, workers }: WalkRequest,
  paths: readonly string[],
): Promise<WalkedFolder[]> {
  const folders = paths.map(recall);
  const answers = await workers.run('look', { root, profile, remembered, folders }, { signal });
  return folders.slice(0, answers.length).map(({ path, rows }, index) => {
    const seen = answers[index];
    if (seen?.kind !== 'seen') throw new TreeChanged(seen?.path ?? path);
    return { path, rows, seen };
  });
}

/** One at work, one that waits at the thread, one whose answer is being taken. */
const LOOKS_PER_THREAD = 3;
const MOST_FOLDERS = 64;
