import { isAbsolute, join } from 'node:path';

export interface UserPlaces {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** This user's folder for what must outlive a run: the XDG state directory, or on Windows the local application data. */
export function stateFolderOf({ platform, home, environment }: UserPlaces): string {
  if (platform === 'win32') {
    const { LOCALAPPDATA } = environment;
    return join(isUsable(LOCALAPPDATA) ? LOCALAPPDATA : join(home, 'AppData', 'Local'), 'lockstep');
  }
  const { XDG_STATE_HOME } = environment;
  return join(isUsable(XDG_STATE_HOME) ? XDG_STATE_HOME : join(home, '.local', 'state'), 'lockstep');
}

/** The XDG specification has relative paths ignored. */
function isUsable(path: string | undefined): path is string {
  return path !== undefined && isAbsolute(path);
}
