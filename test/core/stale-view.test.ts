import { describe, expect, test } from 'vitest';
import type { AgentStatus } from '#core/receipt.ts';
import { findStaleView } from '#core/stale-view.ts';
import { SOURCE } from './samples.ts';

const PATIENCE = 60_000;

function at(minute: number): string {
  return `2026-01-02T03:${String(minute).padStart(2, '0')}:00.000Z`;
}

function status(orders: AgentStatus['orders'], staleStore?: AgentStatus['staleStore']): AgentStatus {
  return {
    format: 'lockstep-status/1',
    server: SOURCE,
    seenAt: at(30),
    agent: '1',
    lastSequence: 17,
    ...(orders && { orders }),
    ...(staleStore && { staleStore }),
  };
}

const SEES_17 = { newest: 17, since: at(1), lookedAt: at(30) };

describe('an agent and the control plane', () => {
  test('see the same while the agent was shown the newest order', () => {
    expect(findStaleView(status(SEES_17), { sequence: 17, issuedAt: at(1) }, PATIENCE)).toBeUndefined();
    expect(findStaleView(status({ newest: 0, since: at(1), lookedAt: at(30) }), undefined, PATIENCE)).toBeUndefined();
  });

  test('do not when the agent has looked since, and was shown an older one', () => {
    expect(findStaleView(status(SEES_17), { sequence: 19, issuedAt: at(10) }, PATIENCE)).toEqual({
      since: at(10),
      detail: `at ${at(30)} its agent was shown order 17, though order 19 was issued at ${at(10)}: what serves the store there is frozen or old`,
    });
  });

  test('do not when the agent was shown none at all', () => {
    const nothing = status({ newest: 0, since: at(1), lookedAt: at(30) });
    expect(findStaleView(nothing, { sequence: 1, issuedAt: at(10) }, PATIENCE)?.detail).toContain('was shown no order');
  });

  test('may, as long as the agent has had no time to look, or is at work and does not', () => {
    expect(findStaleView(status(SEES_17), { sequence: 18, issuedAt: at(29) }, PATIENCE)).toBeUndefined();
    const atWork = { ...SEES_17, lookedAt: at(2) };
    expect(findStaleView(status(atWork), { sequence: 18, issuedAt: at(10) }, PATIENCE)).toBeUndefined();
  });

  test('do not when the agent was shown an order that is not to be seen here', () => {
    expect(findStaleView(status(SEES_17), { sequence: 9, issuedAt: at(0) }, PATIENCE)).toMatchObject({
      since: at(1),
      detail: expect.stringContaining('this command is shown order 9'),
    });
    expect(findStaleView(status(SEES_17), undefined, PATIENCE)?.detail).toContain('this command is shown none');
  });

  test('do not when the agent says so itself', () => {
    const staleStore = { since: at(5), detail: 'it shows order 3, where order 17 was' };
    expect(findStaleView(status(SEES_17, staleStore), { sequence: 17, issuedAt: at(1) }, PATIENCE)).toEqual({
      since: at(5),
      detail: 'its agent says: it shows order 3, where order 17 was',
    });
  });
});
