import { type Command, CommanderError, InvalidArgumentError } from 'commander';

/** What a program of the tests was told; ends it where that cannot be used, or where it was asked for help. */
export function readOptions<T>(program: Command): T {
  try {
    return program.exitOverride().showHelpAfterError('(--help shows how it is used)').parse().opts() as T;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exit(error.exitCode === 0 ? 0 : 2);
  }
}

export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number from 1');
}
