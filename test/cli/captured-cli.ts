import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { runCli } from '#cli/run-cli.ts';
import type { Streams } from '#cli/terminal.ts';

export interface CapturedRun {
  readonly exitStatus: number;
  readonly out: string;
  readonly err: string;
}

export interface CapturedOptions {
  readonly stateFolder: string;
  readonly storeUrl?: string;
  readonly person?: string;
  /** For a console. */
  readonly token?: string;
  readonly signal?: AbortSignal;
  /** Whether a person sits there who can be asked. */
  readonly isTerminal?: boolean;
}

/** One command line, without a terminal unless told: what a script would see. */
export async function runCaptured(words: readonly string[], options: CapturedOptions): Promise<CapturedRun> {
  return await startCaptured(words, options).done;
}

/** The same, while it still runs. */
export function startCaptured(words: readonly string[], options: CapturedOptions) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  if (options.isTerminal === true) {
    for (const stream of [stdin, stdout, stderr])
      Object.assign(stream, { isTTY: true, columns: 300, rows: 60, setRawMode: () => stream });
  }
  const said = { out: '', err: '' };
  stdout.on('data', (text) => (said.out += text));
  stderr.on('data', (text) => (said.err += text));
  const run = runCli(words, {
    streams: { stdin, stdout, stderr } as unknown as Streams,
    storeUrl: options.storeUrl,
    stateFolder: options.stateFolder,
    person: options.person ?? 'operator',
    token: options.token,
    debug: false,
    now: () => new Date(),
    random: () => randomBytes(3).toString('hex').slice(1),
    signal: options.signal ?? new AbortController().signal,
  });
  return {
    done: run.then(async (exitStatus): Promise<CapturedRun> => {
      await setImmediate();
      return { exitStatus, ...said };
    }),
    type: (keys: string) => void stdin.write(keys),
    /** Resolves once this was printed, on either stream. */
    saying: async (text: string): Promise<void> => {
      while (!`${said.out}${said.err}`.includes(text)) await sleep(5);
    },
  };
}
