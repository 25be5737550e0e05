import * as z from 'zod';

/** Who does something alone, and until when: while `until` is ahead, nobody else may. `null`: it was given back. */
export const leaseSchema = z.strictObject({
  format: z.enum(['lockstep-controller-lease/1', 'lockstep-sweep-lease/1']),
  /** For people. */
  by: z.string().min(1).max(200),
  /** For programs: tells one's own lease from another's. */
  holder: z.string().min(1).max(100).optional(),
  startedAt: z.iso.datetime(),
  until: z.iso.datetime().nullable(),
});

export type Lease = z.infer<typeof leaseSchema>;

export function isLive({ until }: Lease, now: Date): boolean {
  return until !== null && Date.parse(until) > now.getTime();
}
