import { beforeAll, describe, expect, it } from 'vitest';
import { loadDefinition } from '#embedded/definition.ts';
import { countHistory } from '#scale/history.ts';
import { largestPayload, shapeOf } from '#scale/limits.ts';
import { countSync, courseOf, type Party, type S3Requests, type SyncUsage } from '#scale/usage.ts';
import { type SimulatedSync, simulateSync } from '#simulate/simulated-fleet.ts';

const workflow = loadDefinition();

/** So many that they are planned in batches, in several waves. */
const SERVERS = 120;
const WAVE_SIZE = 50;
const shape = { ...shapeOf(SERVERS), waveSize: WAVE_SIZE };
const model: SyncUsage = countSync(workflow, shape);

let sync: SimulatedSync;

beforeAll(async () => {
  sync = await simulateSync({ servers: SERVERS, waveSize: WAVE_SIZE, files: 20 });
}, 120_000);

/** A function of AWS that the embedded engine has no need of. */
const ELSEWHERE: readonly Party[] = ['start'];
/** Calls of these at the same time share what they read, in one process. */
const SHARING: readonly Party[] = ['inventory', 'apply'];

describe('a simulated sync', () => {
  it('succeeds at every server', () => {
    expect(sync).toMatchObject({ servers: SERVERS, verdict: 'SUCCEEDED' });
  });

  it('makes the requests that the model says, whoever makes them', () => {
    for (const [party, expected] of Object.entries(model.requests) as [Party, S3Requests][]) {
      if (ELSEWHERE.includes(party)) continue;
      const { gets, ...others } = sync.requests[party] ?? { puts: 0, gets: 0, lists: 0, deletes: 0 };
      const { gets: expectedGets, ...expectedOthers } = expected;
      expect(others, party).toEqual(expectedOthers);
      if (!SHARING.includes(party)) expect(gets, party).toBe(expectedGets);
      else expect(expectedGets - gets, party).toBeOneOf(Array.from({ length: 2 * SERVERS + 3 }, (_, shared) => shared));
    }
  });

  it('calls the functions, signs and mails as often as the model says', () => {
    const { start: _, ...invocations } = model.invocations;
    expect(sync.invocations).toEqual(invocations);
    expect(sync).toMatchObject({ signatures: model.signatures, mails: model.mails });
  });

  it('enters the states, and leaves the history, that the model says', () => {
    const { children, parent } = countHistory(workflow, courseOf(shape));
    expect(sync.workflow).toMatchObject({
      transitions: model.transitions.states,
      executions: model.transitions.executions,
      parentEvents: parent,
      childEvents: Math.max(...Object.values(children)),
    });
  });

  it('carries no payload larger than those that do not grow, or the answers of the children of a map', () => {
    expect(sync.workflow.largestPayload).toBeLessThanOrEqual(largestPayload(SERVERS));
  });
});
