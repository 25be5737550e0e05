import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MOST_WAVES } from '#core/sync.ts';
import { loadDefinition } from '#embedded/definition.ts';
import { countHistory, EVENTS_OF_RETRY, MOST_EVENTS } from '#scale/history.ts';
import { ASSUMED, limitsAt, shapeOf } from '#scale/limits.ts';
import { courseOf } from '#scale/usage.ts';
import { showLimits } from '#simulate/show.ts';

const workflow = loadDefinition();

function eventsOf(waves: number): number {
  return countHistory(workflow, courseOf({ ...shapeOf(waves), waveSize: 1 })).parent;
}

describe('the history of an execution', () => {
  it('grows by the same events with every wave', () => {
    const perWave = eventsOf(2) - eventsOf(1);
    expect(perWave).toBe(11);
    // Beyond fifty servers there are the batches of the plan, whatever their number.
    expect(eventsOf(2000) - eventsOf(1000)).toBe(1000 * perWave);
  });

  it('has room for the largest number of waves, when a tenth of them is tried again', () => {
    const retries = (MOST_WAVES / 10) * 2 * EVENTS_OF_RETRY;
    expect(eventsOf(MOST_WAVES) + retries).toBeLessThan(MOST_EVENTS);
  });
});

describe('the limits', () => {
  it.each([10, 1000, 10_000])('are not reached by a fleet of %i servers', (servers) => {
    const reached = limitsAt(workflow, servers).filter(({ share = 0 }) => share > 1);
    expect(reached).toEqual([]);
  });

  it('stand in docs/scale.md as they are counted', () => {
    const page = readFileSync(resolve(import.meta.dirname, '../../docs/scale.md'), 'utf8');
    expect(page).toContain(showLimits(workflow).trimEnd());
  });

  it('suppose of agents and waves what is their default', () => {
    const main = readFileSync(resolve(import.meta.dirname, '../../agents/agent.ts'), 'utf8');
    expect(main).toContain(`progressMilliseconds ?? ${ASSUMED.progressSeconds * 1000}`);
  });
});
