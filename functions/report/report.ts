import * as z from 'zod';
import { parseValue } from '#core/documents.ts';
import { syncIdSchema } from '#core/sync.ts';
import type { Dependencies } from '../dependencies.ts';
import type { Wave } from '../waves.ts';
import { judgeWave } from './judge-wave.ts';
import { writeVerdict } from './write-verdict.ts';

const eventSchema = z.discriminatedUnion('step', [
  z.strictObject({
    step: z.literal('judge'),
    sync: syncIdSchema,
    wave: z.int().nonnegative(),
    bad: z.int().nonnegative(),
  }),
  z.strictObject({
    step: z.literal('report'),
    sync: syncIdSchema,
    ending: z.enum(['planned', 'applied', 'rejected', 'expired', 'halted', 'failed']),
    error: z.object({ Error: z.string(), Cause: z.string().nullish() }).optional(),
  }),
]);

type ReportDependencies = Pick<Dependencies, 'store' | 'signer' | 'notifier' | 'consoleUrl' | 'now' | 'log'>;

/** After each wave: whether to go on. At the end: the verdict. */
export async function report(
  dependencies: ReportDependencies,
  event: unknown,
): Promise<Wave | { readonly endedWell: boolean }> {
  const parsed = parseValue('report event', eventSchema, event);
  switch (parsed.step) {
    case 'judge':
      return judgeWave(dependencies, parsed);
    case 'report':
      return writeVerdict(dependencies, parsed);
  }
}
