import { BadInput } from '#core/errors.ts';
import { type SyncId, syncIdSchema } from '#core/sync.ts';

/** Of an address that anybody may have typed. */
export function parseSyncId(text: string): SyncId {
  const id = syncIdSchema.safeParse(text);
  if (!id.success) throw new BadInput('that is no sync: an id looks like 20260102T030405Z-0a1b2c3d');
  return id.data;
}
