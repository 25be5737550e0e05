import { BadInput } from '#core/errors.ts';
import type { Log } from '#functions/dependencies.ts';
import { describeFailure } from './failure.ts';
import type { ExitStatus } from './outcome.ts';
import { createProgram } from './program.ts';
import { locateStore } from './store-location.ts';
import { type Streams, Terminal } from './terminal.ts';
import { readTokenFile } from './token-file.ts';

/** What main.ts reads from the process and its environment. */
export interface Surroundings {
  readonly streams: Streams;
  /** Where --store does not say. */
  readonly storeUrl: string | undefined;
  /** For a console, where --token-file does not say. */
  readonly token?: string | undefined;
  readonly stateFolder: string;
  readonly person: string;
  readonly smtpPassword?: string | undefined;
  readonly oidcSecret?: string | undefined;
  readonly debug: boolean;
  readonly now: () => Date;
  readonly random: () => string;
  readonly signal: AbortSignal;
}

/** Runs one command line to its exit status; throws nothing. */
export async function runCli(words: readonly string[], surroundings: Surroundings): Promise<ExitStatus> {
  const { debug, now, oidcSecret, person, random, signal, smtpPassword, stateFolder, streams } = surroundings;
  let exitStatus: ExitStatus = 0;
  const output = {
    out: (text: string) => streams.stdout.write(text),
    err: (text: string) => streams.stderr.write(text),
  };
  const program = createProgram(async ({ json, store, tokenFile }, command) => {
    const terminal = new Terminal(streams, json ?? false);
    const location = locateStore(store ?? surroundings.storeUrl, stateFolder);
    const log: Log = debug
      ? (event, fields) => output.err(`${JSON.stringify({ at: now(), event, ...fields })}\n`)
      : () => undefined;
    try {
      const token = tokenFile === undefined ? surroundings.token : await readTokenFile(tokenFile);
      const outcome = await command({
        terminal,
        location,
        person,
        now,
        random,
        log,
        signal,
        smtpPassword,
        oidcSecret,
        token,
      });
      terminal.finish(outcome);
      exitStatus = outcome.exitStatus;
    } finally {
      terminal.settle();
    }
  }, output);
  try {
    if (words.length === 0) throw new BadInput('name a command, such as sync; lockstep --help shows them all');
    await program.parseAsync(words, { from: 'user' });
    return exitStatus;
  } catch (error) {
    const isAbort = error instanceof Error && error.name === 'AbortError';
    const failure = describeFailure(isAbort && signal.aborted ? signal.reason : error, debug);
    output.err(failure.text);
    return failure.exitStatus;
  }
}
