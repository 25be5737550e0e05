import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryStore } from '#adapters/memory-store.ts';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { countingStore } from '#bench/counting-store.ts';
import type { CountedCall } from '#bench/traffic-meter.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import { announcingStore } from '#embedded/announcing-store.ts';
import { Controller } from '#embedded/controller.ts';
import { loadDefinition } from '#embedded/definition.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import { requestSync } from '#functions/request-sync.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { FUNCTIONS, type FunctionName } from '#scale/usage.ts';
import { type Caller, RequestCounter } from './count-requests.ts';
import { WorkflowCounter, type WorkflowCounts } from './count-workflow.ts';
import { LightAgent } from './light-agent.ts';
import { MemorySigner } from './memory-signer.ts';
import { makeRelease } from './release.ts';

export interface FleetToSimulate {
  /** Destinations; each gets something. */
  readonly servers: number;
  readonly waveSize: number;
  /** Of each server. */
  readonly files: number;
  /** Servers that have answered, of those that are asked: twice each destination, once the source. */
  readonly onAnswer?: (answered: number, asked: number) => void;
}

export interface SimulatedSync {
  readonly servers: number;
  readonly waveSize: number;
  readonly verdict: string;
  readonly requests: ReturnType<RequestCounter['byCaller']>;
  readonly prefixes: ReturnType<RequestCounter['byPrefix']>;
  readonly invocations: Readonly<Partial<Record<FunctionName, number>>>;
  readonly workflow: WorkflowCounts;
  readonly signatures: number;
  readonly mails: number;
  readonly planBytes: number;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  /** The process's own, from its start. */
  readonly peakMemory: number;
}

/** One sync of a fleet of light agents on the embedded engine, from the request to the verdict, and what it took. */
export async function simulateSync(toSimulate: FleetToSimulate): Promise<SimulatedSync> {
  const fleet = new SimulatedFleet(toSimulate);
  await fleet.enrol();
  return await fleet.sync();
}

class SimulatedFleet {
  readonly #simulated: FleetToSimulate;
  readonly #store = new MemoryStore();
  readonly #signer = new MemorySigner();
  readonly #requests = new RequestCounter();
  readonly #calls = new AsyncLocalStorage<Caller>();
  readonly #invocations = new Map<FunctionName, number>();
  readonly #agents = new Map<string, LightAgent>();
  readonly #failures: unknown[] = [];
  #controller: Controller | undefined;
  #mails = 0;
  #answered = 0;

  constructor(simulated: FleetToSimulate) {
    this.#simulated = simulated;
    const release = makeRelease(simulated.files);
    for (const [number, server] of serversOf(simulated.servers).entries()) {
      const isSource = number === 0;
      const counted = this.#countedFor(isSource ? 'source' : 'destinations');
      const store = announcingStore(counted, (key) => this.#agentWrote(key));
      this.#agents.set(keys.currentOrder(server), new LightAgent(store, server, { isSource, release }));
    }
  }

  async enrol(): Promise<void> {
    for (const agent of this.#agents.values()) await agent.enrol();
    // What is counted begins behind it: a server is enrolled once in its life.
    this.#requests.clear();
  }

  async sync(): Promise<SimulatedSync> {
    const { servers, waveSize } = this.#simulated;
    const counter = new WorkflowCounter(loadDefinition());
    const store = announcingStore(this.#countedFor(undefined), (key) => this.#controlWrote(key));
    const controller = await Controller.start({
      store,
      signer: this.#signer,
      notifier: { send: async () => void this.#mails++ },
      now: () => new Date(),
      log: () => undefined,
      pollMilliseconds: POLL_MILLISECONDS,
      adopt: false,
      observe: (event) => counter.observe(event),
      around: (name, call) => this.#callFunction(name, call),
    });
    this.#controller = controller;
    const [started, cpu] = [performance.now(), process.cpuUsage()];
    try {
      const sync = await this.#request(store);
      await controller.start(sync);
      const ended = controller.idle(sync);
      await this.#approve(sync, store);
      await ended;
      if (this.#failures.length > 0) throw this.#failures[0];
      const { system, user } = process.cpuUsage(cpu);
      return {
        servers,
        waveSize,
        verdict: (await findVerdict(this.#store, sync))?.verdict ?? 'none',
        requests: this.#requests.byCaller(),
        prefixes: this.#requests.byPrefix(),
        invocations: Object.fromEntries(this.#invocations),
        workflow: counter.counts(),
        signatures: this.#signer.signatures,
        mails: this.#mails,
        planBytes: (await this.#store.head(keys.plan(sync)))?.size ?? 0,
        wallSeconds: (performance.now() - started) / 1000,
        cpuSeconds: (user + system) / 1e6,
        peakMemory: process.resourceUsage().maxRSS * 1024,
      };
    } finally {
      await controller.stop();
    }
  }

  async #request(store: ObjectStore): Promise<SyncId> {
    const [source, ...destinations] = [...this.#agents.values()].map(({ server }) => server);
    if (source === undefined) throw new Error('there is nobody to sync');
    const dependencies = {
      store,
      executions: new StoreExecutions(store),
      now: () => new Date(),
      random: () => randomBytes(3).toString('hex').slice(1),
    };
    const { waveSize } = this.#simulated;
    const wish = {
      requestedBy: 'requester',
      source,
      destinations,
      policy: { mode: 'overwrite', allowShrink: false, dryRun: false, approvals: 1, requesterMayApprove: false },
      waveSize,
      errorBudget: 0,
      timeouts: { offlineSeconds: 3600, inventorySeconds: 3600, applySeconds: 3600, approvalSeconds: 3600 },
      notify: ['approvers@example.org'],
    } as const;
    return this.#calls.run('people', () =>
      requestSync(dependencies, { ...wish, policy: { ...wish.policy }, notify: [...wish.notify] }),
    );
  }

  /** Asked for again and again, as a person at the console would wait: not counted. */
  async #approve(sync: SyncId, store: ObjectStore): Promise<void> {
    while ((await this.#store.head(keys.approvalRequested(sync))) === undefined) {
      if ((await this.#store.head(keys.verdict(sync))) !== undefined) return;
      await sleep(POLL_MILLISECONDS);
    }
    const { publicKey: controlKey } = this.#signer;
    const { digest } = await requirePlan(this.#store, sync, controlKey);
    const cast = { sync, plan: digest, decision: 'APPROVED', by: 'approver', via: 'simulation' } as const;
    await this.#calls.run('people', () => castVote({ store, now: () => new Date(), controlKey }, cast));
  }

  #callFunction(name: string, call: () => Promise<unknown>): Promise<unknown> {
    const found = FUNCTIONS.find((one) => name.toLowerCase().includes(one));
    if (found === undefined) return this.#calls.run('workflow', call);
    this.#invocations.set(found, (this.#invocations.get(found) ?? 0) + 1);
    return this.#calls.run(found, call);
  }

  /** Without a name: for whichever function, or person, is at it. Looks for an order go by the clock of a real agent. */
  #countedFor(caller: Caller | undefined): ObjectStore {
    const add = (call: CountedCall) => {
      if (caller === undefined) this.#requests.add(this.#calls.getStore() ?? 'engine', call);
      else if (!this.#agents.has(call.key)) this.#requests.add(caller, call);
    };
    return countingStore(this.#store, { add });
  }

  #controlWrote(key: string): void {
    const agent = this.#agents.get(key);
    // A person's decision is told to the engine; it hears of its own writes only what it waits for.
    if (agent === undefined) this.#controller?.tell(key);
    else setImmediate(() => this.#calls.exit(() => this.#wake(agent)));
  }

  #wake(agent: LightAgent): void {
    agent.look().catch((error: unknown) => this.#failures.push(error));
  }

  #agentWrote(key: string): void {
    this.#controller?.tell(key);
    if (!key.includes('/receipts/')) return;
    this.#simulated.onAnswer?.(++this.#answered, 2 * this.#simulated.servers + 1);
  }
}

/** The source first; a hundred to a site. */
function serversOf(destinations: number): ServerId[] {
  return Array.from({ length: destinations + 1 }, (_, number) =>
    serverIdSchema.parse(
      `site-${String(Math.floor(number / 100)).padStart(3, '0')}/tm-${String(number % 100).padStart(2, '0')}`,
    ),
  );
}

const POLL_MILLISECONDS = 1000;
