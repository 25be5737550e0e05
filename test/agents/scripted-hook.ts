import type { Hook } from '#agents/hook-settings.ts';

/** A real program as a hook: Node runs the script, which finds the arguments in `args`. */
export function scripted(script: string, ...args: string[]): Hook {
  return {
    command: [process.execPath, '-e', `const args = process.argv.slice(1);${script}`, ...args],
    timeoutSeconds: 30,
  };
}

/** Adds a line to the file: its step, and what it finds in a file of the tree. */
export function noting(notes: string, path: string, script = ''): Hook {
  return scripted(
    `const fs = require('node:fs');
     const [notes, path] = args;
     const found = fs.readFileSync(process.env.LOCKSTEP_ROOT + '/' + path, 'utf8');
     fs.appendFileSync(notes, process.env.LOCKSTEP_STEP + ': ' + found + '\\n');
     ${script}`,
    notes,
    path,
  );
}
