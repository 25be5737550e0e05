/** Prints what a fleet costs on AWS in a month. Knows no account, and asks nobody: a model and a list of prices. */
import { CommanderError } from 'commander';
import { BadInput } from '#core/errors.ts';
import { createProgram } from './program.ts';

try {
  await createProgram((text) => process.stdout.write(text)).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof BadInput) {
    process.stderr.write(`cost: ${error.message}\n`);
    process.exitCode = 2;
  } else throw error;
}
