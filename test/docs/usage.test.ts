import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from './documents.ts';

const PROGRAMS = ['cli', 'agents', 'bench', 'cost', 'simulate', 'test/faults', 'test/soak'].map(
  (folder) => `${folder}/main.ts`,
);

describe.each(PROGRAMS)('%s', (program) => {
  it('says how it is used when it is asked, with an example, and ends well', async () => {
    const { output, status, trouble } = await run(program, '--help');
    expect({ status, trouble }).toEqual({ status: 0, trouble: '' });
    expect(output).toMatch(/^Usage: /);
    expect(output).toMatch(/Examples?:/);
  });

  it('says in words what it does not know, shows no stack trace, and ends with 2', async () => {
    const { output, status, trouble } = await run(program, '--unheard-of');
    expect({ output, status }).toEqual({ output: '', status: 2 });
    expect(trouble).toMatch(/unknown option '--unheard-of'|required option/);
    expect(trouble).toContain('--help');
    expect(trouble).not.toMatch(/^ +at /m);
  });
});

function run(program: string, ...args: readonly string[]) {
  const { promise, resolve } = Promise.withResolvers<{ output: string; status: number; trouble: string }>();
  execFile(process.execPath, [join(REPOSITORY, program), ...args], (error, output, trouble) =>
    resolve({ output, status: Number(error?.code ?? 0), trouble }),
  );
  return promise;
}
