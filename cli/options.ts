import { type Command, InvalidArgumentError } from 'commander';
import { type AccessRole, accessRoleSchema, MOST_TOKEN_DAYS } from '#core/access-token.ts';
import { isSyncedClass } from '#core/classify.ts';
import { artifactClassSchema } from '#core/profile.ts';
import { type SyncId, syncIdSchema } from '#core/sync.ts';

export function addCommon(command: Command): void {
  command
    .option('--json', 'print one JSON document on stdout; notes go to stderr')
    .option(...STORE_OPTION)
    .option('--token-file <file>', 'for a console: the file that holds the token; else LOCKSTEP_TOKEN');
}

export function collectRoles(text: string, earlier: readonly AccessRole[]): AccessRole[] {
  const role = accessRoleSchema.safeParse(text);
  if (!role.success) throw new InvalidArgumentError('expected viewer, operator or approver');
  return [...new Set([...earlier, role.data])];
}

export function parseTokenDays(text: string): number {
  const days = Number(text);
  if (/^\d+$/.test(text) && days >= 1 && days <= MOST_TOKEN_DAYS) return days;
  throw new InvalidArgumentError(`expected a whole number of days from 1 to ${MOST_TOKEN_DAYS}`);
}

export function parseSyncId(text: string): SyncId {
  const id = syncIdSchema.safeParse(text);
  if (id.success) return id.data;
  throw new InvalidArgumentError('expected a sync id such as 20260102T030405Z-0a1b2c3d; lockstep history lists them');
}

export function collectClasses(text: string, earlier: readonly string[]): string[] {
  const names = text.split(',').map((name) => name.trim());
  const bad = names.find((name) => !artifactClassSchema.safeParse(name).success || !isSyncedClass(name));
  if (bad !== undefined) throw new InvalidArgumentError(`${JSON.stringify(bad)} is not a class that travels`);
  return [...new Set([...earlier, ...names])];
}

export function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number');
}

export function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('expected a port from 0 to 65535');
}

export function parsePercent(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) <= 100) return Number(text);
  throw new InvalidArgumentError('expected a whole number from 0 to 100');
}

export function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw new InvalidArgumentError('expected a whole number from 1');
}

export function parseDays(text: string): number {
  const days = Number(text);
  if (/^\d+$/.test(text) && days <= MOST_DAYS) return days;
  throw new InvalidArgumentError(`expected a whole number of days from 0 to ${MOST_DAYS}`);
}

const MOST_DAYS = 36_500;
export const CONSOLE_PORT = 4780;

export const ACKNOWLEDGE_OPTION = [
  '--acknowledge-removals <number>',
  'the number of files that the plan removes, where it removes a large share',
] as const;

export const STORE_OPTION = [
  '--store <url>',
  'file://FOLDER, s3://BUCKET/PREFIX, or https:// and the host of a console; default LOCKSTEP_STORE, or a folder of this user',
] as const;
