import { isAccessTokenText } from '#core/access-token.ts';
import { BadInput } from '#core/errors.ts';
import { ConsoleClient } from './console-client.ts';
import type { CommandContext } from './context.ts';

/** BadInput where no token is known: on a command line others could read it, so it is never taken from there. */
export function openConsoleClient({ location, token }: Pick<CommandContext, 'location' | 'token'>): ConsoleClient {
  const { url } = location;
  if (token === undefined)
    throw new BadInput(
      `${url} is a console, and wants a token: make one on its page Access tokens, then set LOCKSTEP_TOKEN or name a file with --token-file`,
    );
  if (!isAccessTokenText(token))
    throw new BadInput('LOCKSTEP_TOKEN, or the file of --token-file, holds no token: one looks like lockstep_…');
  return new ConsoleClient({ url, token });
}
