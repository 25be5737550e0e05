import { randomBytes } from 'node:crypto';
import { homedir, userInfo } from 'node:os';
import { Interrupted } from '#core/errors.ts';
import { runCli } from './run-cli.ts';
import { stateFolderOf } from './state-folder.ts';

const { env, platform, stderr, stdin, stdout } = process;

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // Whoever insists is let go; agents settle what is left at their next start.
    if (stopping.signal.aborted) process.exit(1);
    stopping.abort(new Interrupted(`stopped by ${name}`));
  });
}
// The reader has closed its end, as `head` does: what was begun still comes to its own end.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await runCli(process.argv.slice(2), {
  streams: { stdin, stdout, stderr },
  storeUrl: env.LOCKSTEP_STORE === '' ? undefined : env.LOCKSTEP_STORE,
  token: env.LOCKSTEP_TOKEN === '' ? undefined : env.LOCKSTEP_TOKEN?.trim(),
  stateFolder: stateFolderOf({ platform, home: homedir(), environment: env }),
  person: nameOf(userName(), env.LOCKSTEP_USER),
  smtpPassword: env.LOCKSTEP_SMTP_PASSWORD === '' ? undefined : env.LOCKSTEP_SMTP_PASSWORD,
  oidcSecret: env.LOCKSTEP_OIDC_SECRET === '' ? undefined : env.LOCKSTEP_OIDC_SECRET,
  debug: (env.LOCKSTEP_DEBUG ?? '') !== '',
  now: () => new Date(),
  random: () => randomBytes(3).toString('hex').slice(1),
  signal: stopping.signal,
});

/** A name of one's own choosing is recorded as that, with the account that chose it. */
function nameOf(account: string, claimed: string | undefined): string {
  return claimed === undefined || claimed === '' ? account : `${claimed} (account ${account})`;
}

/** A container may run under a number that no user has. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
