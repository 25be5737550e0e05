import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import * as z from 'zod';
import { BadInput } from '#core/errors.ts';

const commandSchema = z
  .tuple([z.string().min(1)], z.string())
  .refine(([program]) => isAbsolute(program) || !/[/\\]/.test(program), 'expected an absolute path, or a name in PATH');

const timeoutSchema = z.int().min(1).max(3600).default(300);

const hookSchema = z.strictObject({
  /** A program and its arguments, as they are: no shell comes in between. */
  command: commandSchema,
  timeoutSeconds: timeoutSchema,
});

/** The operator's programs around an apply; they stand in the agent's own file and come from nowhere else. */
export const hooksSchema = z.strictObject({
  before: hookSchema.optional(),
  after: hookSchema.optional(),
  /** Run again and again until it ends well; its timeout is for all attempts together. */
  check: hookSchema.extend({ intervalSeconds: z.number().min(0.1).max(300).default(5) }).optional(),
});

export type Hooks = z.infer<typeof hooksSchema>;
export type Hook = z.infer<typeof hookSchema>;

/** Whoever can write the file that names programs is whoever runs the agent: BadInput if others can, too. */
export function assertOnlyOwnWritable(path: string): void {
  if (process.getuid === undefined) return;
  for (const place of [path, dirname(path)]) {
    const { isSticky, mode, uid } = permissionsOf(place);
    const isOthers = uid !== 0 && uid !== process.getuid();
    if (!isOthers && ((mode & 0o022) === 0 || (place !== path && isSticky))) continue;
    throw new BadInput(
      `${path} names hooks, and others than this agent's user may write ${place}: chown it to that user and chmod go-w it`,
    );
  }
}

function permissionsOf(path: string): { readonly mode: number; readonly uid: number; readonly isSticky: boolean } {
  const { mode, uid } = statSync(path);
  return { mode, uid, isSticky: (mode & 0o1000) !== 0 };
}

/** What a hook sees of the agent's own environment: enough to find programs, and no credentials. */
export function hookEnvironment(own: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  const entries = INHERITED.flatMap((name) => {
    const value = own[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}

/** Where the program of a hook is; BadInput when it is nowhere. */
export function findProgram({ command: [program] }: Hook, environment: Readonly<Record<string, string>>): string {
  if (isAbsolute(program)) {
    if (isProgram(program)) return program;
    throw new BadInput(`${program} is not a program that the agent's user may run: correct its path or permissions`);
  }
  const folders = (environment.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const endings = process.platform === 'win32' ? ['', ...(environment.PATHEXT ?? '.EXE').split(';')] : [''];
  for (const folder of folders) {
    for (const ending of endings) if (isProgram(join(folder, program + ending))) return join(folder, program + ending);
  }
  throw new BadInput(`there is no program ${program} in the agent's PATH: name it with its whole path`);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

const INHERITED = [
  ...[
    'PATH',
    'HOME',
    'USER',
    'LOGNAME',
    'LANG',
    'LC_ALL',
    'TZ',
    'TMPDIR',
    'XDG_RUNTIME_DIR',
    'DBUS_SESSION_BUS_ADDRESS',
  ],
  // Windows.
  ...['PATHEXT', 'SystemRoot', 'SystemDrive', 'windir', 'ComSpec', 'TEMP', 'TMP', 'USERNAME', 'USERPROFILE'],
  ...['APPDATA', 'LOCALAPPDATA', 'ProgramData', 'ProgramFiles', 'ProgramFiles(x86)', 'COMPUTERNAME'],
];
