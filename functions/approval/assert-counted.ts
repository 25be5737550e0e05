import type { Decision } from '#core/approval.ts';
import { DecisionRefused } from '#core/errors.ts';
import { printable } from '#core/printable.ts';
import type { VoteCast } from './cast-vote.ts';

/** Of two at once one was first: the other's vote lies there and counts for nothing. */
export function assertCounted({ decision, vote }: VoteCast): void {
  if (decision === undefined || decision.votes.some(({ by }) => by === vote.by)) return;
  throw new DecisionRefused(`somebody else was first: this sync was ${describeDecision(decision)}`);
}

function describeDecision({ decision, votes }: Decision): string {
  return `${decision.toLowerCase()}, by ${votes.map(({ at, by }) => `${printable(by)} at ${at}`).join(', ')}`;
}
