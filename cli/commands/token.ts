import { type AccessRole, accessRoleSchema } from '#core/access-token.ts';
import { printable } from '#core/printable.ts';
import { createAccessToken, type ListedToken, listAccessTokens, revokeAccessToken } from '#functions/access-tokens.ts';
import { type CommandContext, openExistingStore } from '../context.ts';
import type { CommandOutcome } from '../outcome.ts';
import { grid } from '../show/grid.ts';
import { time } from '../show/text.ts';

export interface TokenOptions {
  readonly name: string;
  readonly roles: readonly AccessRole[];
  readonly days: number;
}

/** Whoever can write the store may do everything in it: this gives a part of that to a program. Told once. */
export async function createTokenCommand(context: CommandContext, wanted: TokenOptions): Promise<CommandOutcome> {
  const { now, person, terminal } = context;
  const store = await openExistingStore(context);
  const maker = { person, roles: accessRoleSchema.options };
  const { text, token } = await createAccessToken({ store, now }, maker, wanted);
  // Alone where it goes into a file; never where a log may keep what is said.
  if (terminal.rewrites)
    terminal.say(`${token.id}, good until ${token.expiresAt}. It is shown this once: keep it as you keep a password.`);
  return {
    exitStatus: 0,
    document: { ...tokenDocument(token), token: text },
    text: terminal.printsDocument ? '' : text,
  };
}

export async function listTokensCommand(context: CommandContext): Promise<CommandOutcome> {
  const tokens = await listAccessTokens({ store: await openExistingStore(context) });
  const rows = tokens.map(({ createdAt, expiresAt, id, name, person, roles }) => [
    ...[id, printable(name), printable(person), roles.join(', '), time(createdAt)],
    Date.parse(expiresAt) <= context.now().getTime() ? 'expired' : time(expiresAt),
  ]);
  const text = rows.length === 0 ? 'No token yet.' : grid(COLUMNS, rows, context.terminal.paint).trimEnd();
  return { exitStatus: 0, document: { tokens: tokens.map(tokenDocument) }, text };
}

export async function revokeTokenCommand(context: CommandContext, id: string): Promise<CommandOutcome> {
  await revokeAccessToken({ store: await openExistingStore(context) }, { id });
  return { exitStatus: 0, document: { id, revoked: true }, text: `Token ${id} is good for nothing any more.` };
}

function tokenDocument({ createdAt, expiresAt, id, name, person, roles }: ListedToken) {
  return { id, name, person, roles, createdAt, expiresAt };
}

const COLUMNS = ['id', 'name', 'person', 'roles', 'made', 'good until'].map((title) => ({ title }));
