import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryStore } from '#adapters/memory-store.ts';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { runAgent } from '#agents/agent.ts';
import { countingStore } from '#bench/counting-store.ts';
import { isWrite } from '#bench/http-bytes.ts';
import type { CountedCall } from '#bench/traffic-meter.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys, type OrderStep, orderId } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Signer } from '#core/ports/signer.ts';
import type { Executions } from '#core/ports/workflow.ts';
import { ENROLMENT_FORMAT } from '#core/receipt.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { type SyncId, syncIdSchema } from '#core/sync.ts';
import type { SyncVerdict } from '#core/verdict.ts';
import { loadDefinition, READ_ITEMS } from '#embedded/definition.ts';
import { Engine } from '#embedded/engine.ts';
import { EmbeddedTaskTokens } from '#embedded/task-tokens.ts';
import { apply } from '#functions/apply/apply.ts';
import { approval } from '#functions/approval/approval.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import type { Dependencies } from '#functions/dependencies.ts';
import { inventory } from '#functions/inventory/inventory.ts';
import { plan } from '#functions/plan/plan.ts';
import { report } from '#functions/report/report.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import { requestSync, type SyncWish } from '#functions/request-sync.ts';
import { signal } from '#functions/signal/signal.ts';
import { start } from '#functions/start/start.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { FUNCTIONS, type Party, type S3Requests, type SyncUsage } from '#scale/usage.ts';
import { PROFILE, WORKERS } from '#test/agents/control.ts';
import { createKeySigner } from '#test/support/key-signer.ts';

/** What one sync came to, and what its parties have done for it. */
export interface CountedSync {
  /** But for the transitions, which nobody sees from here. */
  readonly usage: Omit<SyncUsage, 'transitions'>;
  readonly verdict: SyncVerdict | undefined;
}

/**
 * A fleet of real agents, the real workflow and the real functions, called as Step Functions and S3's events would. Every call at the store's edge is counted for whoever makes it; the
 * looks for an order and the agents' status, which go by the clock, are not.
 */
export class CountedFleet {
  readonly #store = new MemoryStore();
  readonly #signer = countingSigner();
  readonly #stopping = new AbortController();
  readonly #agents: Promise<void>[] = [];
  readonly #waiting = new Set<() => void>();
  #calls = new Map<Party, CountedCall[]>();
  #invocations = new Map<Party, number>();
  #mails = 0;
  #atWork = 0;
  readonly #tokens = new EmbeddedTaskTokens();
  readonly #awaited = new Set<Awaited>();

  async add(id: string, folder: string, party: 'source' | 'destinations'): Promise<ServerId> {
    const server = serverIdSchema.parse(id);
    const signer = createKeySigner();
    const enrolment = {
      format: ENROLMENT_FORMAT,
      server,
      publicKey: signer.publicKey,
      enrolledAt: '2026-01-02T03:04:05Z',
    };
    await this.#store.put(keys.enrolment(server), encodeDocument(enrolment));
    const agent = {
      server,
      signer,
      store: this.#as(party),
      root: folder,
      stateFolder: `${folder}-state`,
      controlKey: this.#signer.publicKey,
      profile: PROFILE,
      workers: WORKERS,
      now: () => new Date(),
      log: () => undefined,
      pollMilliseconds: 1,
      // An apply writes the one beat of its beginning, an inventory none.
      progressMilliseconds: 3_600_000,
      statusMilliseconds: 3_600_000,
      pause: () => this.#untilTold(),
    };
    this.#agents.push(runAgent(agent, this.#stopping.signal));
    return server;
  }

  /** From the request to the verdict. */
  async sync(source: ServerId, destinations: readonly ServerId[], waveSize: number): Promise<CountedSync> {
    this.#reset();
    const people = this.#dependencies('people');
    const executions = new StoreExecutions(people.store);
    const id = await requestSync(
      { ...people, executions, random: () => '0a1b2' },
      wish(source, destinations, waveSize),
    );
    await this.#call(
      'start',
      (parts, key) => start({ ...parts, executions: NOWHERE }, String(key)),
      keys.execution(id),
    );
    const ended = new AbortController();
    const events = this.#deliver(ended.signal);
    const engine = new Engine({
      definition: await loadDefinition(),
      functions: this.#functions(),
      tokens: this.#tokens,
      signal: ended.signal,
      watch: (functionName, { server, sync }) => this.#watch(functionName, server, sync),
    });
    // One that does not succeed rejects; its verdict says why.
    await engine.run(id).catch(() => undefined);
    ended.abort();
    await events;
    return { usage: this.#usage(), verdict: await findVerdict(this.#store, id) };
  }

  async end(): Promise<void> {
    this.#stopping.abort();
    this.#tell();
    await Promise.allSettled(this.#agents);
  }

  #watch(functionName: string, server: unknown, sync: unknown): () => void {
    const awaited: Awaited = {
      sync: syncIdSchema.parse(sync),
      ...(typeof server === 'string' && {
        server: serverIdSchema.parse(server),
        step: functionName.includes('Inventory') ? 'inventory' : 'apply',
      }),
    };
    this.#awaited.add(awaited);
    return () => this.#awaited.delete(awaited);
  }

  /** As S3 would: what was written is told, once, in the order in which it was written. */
  async #deliver(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(QUIET_MILLISECONDS);
      // Until all have begun to wait, no agent answers: what is counted does not depend on who is quicker.
      if (this.#atWork > 0) continue;
      for (const awaited of [...this.#awaited]) {
        this.#awaited.delete(awaited);
        await this.#answer(awaited);
      }
    }
  }

  async #answer({ server, step, sync }: Awaited): Promise<void> {
    if (server === undefined || step === undefined) return await this.#decide(sync);
    const order = orderId(sync, step, server);
    while ((await this.#store.head(keys.receipt(server, order))) === undefined) {
      this.#tell();
      await sleep(1);
    }
    if (step === 'apply') await this.#signal(keys.progress(server, order));
    await this.#signal(keys.receipt(server, order));
  }

  async #decide(sync: SyncId): Promise<void> {
    const controlKey = this.#signer.publicKey;
    const { digest } = await requirePlan(this.#store, sync, controlKey);
    const vote = { sync, plan: digest, decision: 'APPROVED', by: 'approver', via: 'test' } as const;
    await castVote({ ...this.#dependencies('people'), controlKey }, vote);
    await this.#signal(keys.decision(sync));
  }

  #signal(key: string): Promise<void> {
    return this.#call('signal', (dependencies, event) => signal(dependencies, String(event)), key);
  }

  #functions(): Record<string, (payload: unknown) => Promise<unknown>> {
    const own = { inventory, plan, approval, apply, report };
    const functions = Object.entries(own).map(([name, run]) => {
      const party = name as keyof typeof own;
      const variable = `\${${party.charAt(0).toUpperCase()}${party.slice(1)}Function}`;
      return [variable, (payload: unknown) => this.#call<unknown>(party, run, payload)];
    });
    // Step Functions itself reads the items of a Map, one GET.
    const read = async (payload: unknown) => {
      const { Key } = payload as { readonly Key: string };
      const stored = await this.#as('workflow').get(Key);
      return JSON.parse(Buffer.from(stored?.body ?? '').toString());
    };
    return { ...Object.fromEntries(functions), [READ_ITEMS]: read };
  }

  async #call<R>(
    party: Party,
    run: (dependencies: Dependencies, event: unknown) => Promise<R>,
    event: unknown,
  ): Promise<R> {
    this.#invocations.set(party, (this.#invocations.get(party) ?? 0) + 1);
    this.#atWork++;
    try {
      return await run(this.#dependencies(party), event);
    } finally {
      this.#atWork--;
    }
  }

  #dependencies(party: Party): Dependencies {
    return {
      store: this.#as(party),
      signer: this.#signer,
      notifier: { send: async () => void this.#mails++ },
      tokens: this.#tokens,
      now: () => new Date(),
      log: () => undefined,
    };
  }

  #as(party: Party): ObjectStore {
    return countingStore(this.#store, { add: (call) => void this.#callsOf(party).push(call) });
  }

  #callsOf(party: Party): CountedCall[] {
    const calls = this.#calls.get(party) ?? [];
    this.#calls.set(party, calls);
    return calls;
  }

  #untilTold(): Promise<void> {
    return new Promise((go) => {
      if (this.#stopping.signal.aborted) go();
      else this.#waiting.add(go);
    });
  }

  #tell(): void {
    for (const go of this.#waiting) go();
    this.#waiting.clear();
  }

  #reset(): void {
    this.#calls = new Map();
    this.#invocations = new Map();
    this.#mails = 0;
    this.#signer.signatures = 0;
  }

  #usage(): CountedSync['usage'] {
    const counted = PARTIES.map((party) => ({
      party,
      calls: this.#callsOf(party).filter((one) => !isClockwork(party, one)),
    }));
    const requests = counted.map(({ party, calls }) => [party, tally(calls)]);
    return {
      requests: Object.fromEntries(requests) as SyncUsage['requests'],
      invocations: Object.fromEntries(
        FUNCTIONS.map((name) => [name, this.#invocations.get(name) ?? 0]),
      ) as SyncUsage['invocations'],
      signatures: this.#signer.signatures,
      mails: this.#mails,
      events: counted.flatMap(({ calls }) => calls).filter(({ method }) => isWrite(method)).length,
      wakings: (this.#invocations.get('signal') ?? 0) + (this.#invocations.get('start') ?? 0),
    };
  }
}

const PARTIES: readonly Party[] = ['workflow', ...FUNCTIONS, 'people', 'source', 'destinations'];

/** The engine runs the workflow itself. */
const NOWHERE: Executions = { start: async () => undefined };

const QUIET_MILLISECONDS = 10;

/** What a task of the workflow waits for: the answer of a server, or a decision. */
interface Awaited {
  readonly sync: SyncId;
  readonly server?: ServerId;
  readonly step?: OrderStep;
}

function wish(source: ServerId, destinations: readonly ServerId[], waveSize: number): SyncWish {
  return {
    requestedBy: 'requester',
    source,
    destinations: [...destinations],
    policy: { mode: 'overwrite', allowShrink: true, dryRun: false, approvals: 1, requesterMayApprove: false },
    waveSize,
    errorBudget: 0,
    timeouts: { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 },
    notify: ['approvers@example.org'],
  };
}

/** What agents do by the clock: their status, and looks for an order. */
function isClockwork(party: Party, { key, method }: CountedCall): boolean {
  if (party !== 'source' && party !== 'destinations') return false;
  return key.endsWith('/status.json') || (!isWrite(method) && key.endsWith('/orders/current.json'));
}

function tally(calls: readonly CountedCall[]): S3Requests {
  const count = (chosen: (call: CountedCall) => boolean) => calls.filter(chosen).length;
  return {
    puts: count(({ method }) => isWrite(method)),
    gets: count(({ method }) => !isWrite(method) && method !== 'delete' && method !== 'list'),
    lists: count(({ method }) => method === 'list'),
    deletes: count(({ method }) => method === 'delete'),
  };
}

interface CountingSigner extends Signer {
  signatures: number;
}

function countingSigner(): CountingSigner {
  const signer = createKeySigner();
  const counting: CountingSigner = {
    ...signer,
    signatures: 0,
    sign: (message) => {
      counting.signatures++;
      return signer.sign(message);
    },
  };
  return counting;
}
