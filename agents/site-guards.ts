import { OrderRefused } from '#core/errors.ts';
import type { Manifest } from '#core/manifest.ts';
import type { ApplyOrder } from '#core/order.ts';
import type { PlanPart } from '#core/plan.ts';
import { findSiteRefusal } from '#core/site-guards.ts';
import type { AgentContext } from './context.ts';
import { readProductVersion } from './read-product-version.ts';

interface Site {
  readonly before: Manifest;
  readonly context: Pick<AgentContext, 'profile' | 'root'>;
}

/** The plan's guards once more, by what is here now. */
export function assertGuardsHold(
  { sourceVersion, ...allows }: ApplyOrder,
  { header, operations }: PlanPart,
  { before, context }: Site,
): void {
  const versions = { source: sourceVersion, destination: readProductVersion(context.root, context.profile.product) };
  const detail = findSiteRefusal({ mode: header.mode, operations, entries: before.entries, versions, allows });
  if (detail !== undefined) throw new OrderRefused('GUARD', detail);
}
