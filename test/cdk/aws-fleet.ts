import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { MemoryStore } from '#adapters/memory-store.ts';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { runAgent } from '#agents/agent.ts';
import { enrolAgent } from '#agents/enrol.ts';
import { WorkerPool } from '#agents/worker-pool.ts';
import { type Permission, readPermissions, render } from '#cdk/permission-table.ts';
import type { Sha256 } from '#core/digest.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { TaskTokens } from '#core/ports/workflow.ts';
import type { Profile } from '#core/profile.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import type { SyncVerdict } from '#core/verdict.ts';
import { announcingStore } from '#embedded/announcing-store.ts';
import { loadDefinition, READ_ITEMS } from '#embedded/definition.ts';
import { type EmbeddedFunction, Engine } from '#embedded/engine.ts';
import { EmbeddedTaskTokens } from '#embedded/task-tokens.ts';
import { apply } from '#functions/apply/apply.ts';
import { approval } from '#functions/approval/approval.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import { publishControlKey } from '#functions/control-key.ts';
import { inventory } from '#functions/inventory/inventory.ts';
import { plan } from '#functions/plan/plan.ts';
import { prune } from '#functions/prune/prune.ts';
import { report } from '#functions/report/report.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import { requestSync, type SyncWish } from '#functions/request-sync.ts';
import { signal } from '#functions/signal/signal.ts';
import { start } from '#functions/start/start.ts';
import { loadPlan } from '#functions/sync-documents.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { matches } from './policy-judge.ts';
import { RoleView } from './role-store.ts';
import type { SynthesisedStack } from './synthesised.ts';

/**
 * The stack without AWS: its rules bring what is written to the functions, the workflow runs its definition, and
 * everybody reaches the store, the key and the workflow only as far as the template's policies let his role.
 */
export class AwsFleet {
  readonly direct = new MemoryStore();
  /** What a policy did not let. */
  readonly denied = new Set<string>();
  readonly #told: ObjectStore;
  readonly #permissions: readonly Permission[];
  readonly #patterns: ReadonlyMap<string, readonly string[]>;
  readonly #signer = createKeySigner();
  readonly #tokens = new EmbeddedTaskTokens();
  readonly #stopping = new AbortController();
  readonly #workers = new WorkerPool();
  readonly #atWork = new Set<Promise<unknown>>();
  #engine: Engine | undefined;

  constructor(stack: SynthesisedStack) {
    this.#permissions = readPermissions(stack.template);
    this.#patterns = rulesOf(stack);
    this.#told = announcingStore(this.direct, (key) => this.#bring(key));
  }

  async open(): Promise<void> {
    const { signal: stopped } = this.#stopping;
    const functions: Readonly<Record<string, EmbeddedFunction>> = {
      // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the names as the definition has them
      '${InventoryFunction}': (payload) => inventory(this.#dependenciesOf('Inventory'), payload),
      '${PlanFunction}': (payload) => plan(this.#dependenciesOf('Plan'), payload),
      '${ApprovalFunction}': (payload) => approval(this.#dependenciesOf('Approval'), payload),
      '${ApplyFunction}': (payload) => apply(this.#dependenciesOf('Apply'), payload),
      '${ReportFunction}': (payload) => report(this.#dependenciesOf('Report'), payload),
      // biome-ignore-end lint/suspicious/noTemplateCurlyInString: -
      [READ_ITEMS]: (payload) => this.#readItems(payload),
    };
    const definition = await loadDefinition();
    this.#engine = new Engine({
      definition,
      functions,
      tokens: this.#tokens,
      signal: stopped,
      watch: () => () => undefined,
    });
    this.#workers.start();
    const manager = this.viewOf('PeopleFleetManagers');
    await publishControlKey(manager.store(this.#told), manager.signer(this.#signer).publicKey);
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    this.#tokens.abandonAll();
    while (this.#atWork.size > 0) await Promise.allSettled(this.#atWork);
    await this.#workers.close();
  }

  viewOf(who: string, tags: Readonly<Record<string, string>> = {}): RoleView {
    return new RoleView({ permissions: this.#permissions, who, tags, denied: this.denied });
  }

  /** The store as this role sees it. */
  storeOf(who: string, tags?: Readonly<Record<string, string>>): ObjectStore {
    return this.viewOf(who, tags).store(this.#told);
  }

  /** A real agent on a folder, with the certificate of its server. */
  async addAgent(
    id: string,
    place: { readonly root: string; readonly stateFolder: string; readonly profile: Profile },
  ) {
    const server = serverIdSchema.parse(id);
    const store = this.storeOf('AgentsRole', certificateOf(server));
    const parts = { ...place, store, server, now: () => new Date() };
    const enrolled = await enrolAgent(parts);
    const pace = { pollMilliseconds: 5, progressMilliseconds: 20, statusMilliseconds: 50, readBackMilliseconds: 50 };
    const running = { ...parts, ...enrolled, ...pace, log: () => undefined, workers: this.#workers, keepPreImages: 3 };
    this.#work(runAgent(running, this.#stopping.signal));
    return server;
  }

  async request(wish: Omit<SyncWish, 'requestedBy' | 'notify'>): Promise<SyncId> {
    const store = this.storeOf('PeopleOperators');
    const random = () => randomBytes(3).toString('hex').slice(1);
    const dependencies = { store, executions: new StoreExecutions(store), now: () => new Date(), random };
    return await requestSync(dependencies, { ...wish, requestedBy: 'operator', notify: ['approver@example.org'] });
  }

  get controlKey(): string {
    return this.#signer.publicKey;
  }

  /** The digest of the plan, once there is one. */
  async planned(sync: SyncId): Promise<Sha256> {
    const store = this.storeOf('PeopleApprovers');
    return (await this.#until(() => loadPlan(store, sync, this.controlKey))).digest;
  }

  async decide(sync: SyncId, decision: 'APPROVED' | 'REJECTED'): Promise<void> {
    const { controlKey } = this;
    const store = this.storeOf('PeopleApprovers');
    const digest = await this.planned(sync);
    const cast = { sync, plan: digest, decision, by: 'approver', via: 'test' };
    await castVote({ store, controlKey, now: () => new Date() }, cast);
  }

  verdict(sync: SyncId): Promise<SyncVerdict> {
    return this.#until(() => findVerdict(this.storeOf('PeopleOperators'), sync));
  }

  async prune(event: object): Promise<Awaited<ReturnType<typeof prune>>> {
    return await prune(this.#dependenciesOf('Prune'), event);
  }

  /** A step that the workflow runs once more, for the answer to its first attempt was lost. */
  async repeat(step: 'Approval' | 'Inventory', payload: object): Promise<void> {
    const run = { Approval: approval, Inventory: inventory }[step];
    await run(this.#dependenciesOf(step), payload);
  }

  /** Each with its role; what a function has no permission for, it must not ask for. */
  #dependenciesOf(name: string) {
    const view = this.viewOf(`Functions${name}Role`);
    const verifies = !['Prune', 'Start'].includes(name);
    return {
      store: view.store(this.#told),
      signer: verifies ? view.signer(this.#signer) : this.#signer,
      tokens: this.#tokensOf(view),
      notifier: {
        send: async () => {
          const context = { 'ses:FromAddress': 'MailFrom' };
          const resource = 'arn:{Partition}:ses:{Region}:{AccountId}:identity/part of MailFrom';
          if (!view.allows({ action: 'ses:SendRawEmail', resource, context })) throw new Error('ses denied');
        },
      },
      executions: {
        start: async (sync: SyncId) => {
          view.allows({ action: 'states:StartExecution', resource: 'WorkflowStateMachine', context: {} });
          this.#work(this.#engine?.run(sync));
        },
      },
      now: () => new Date(),
      log: () => undefined,
    };
  }

  #tokensOf(view: RoleView): TaskTokens {
    const may = (action: string) =>
      view.allows({ action: `states:${action}`, resource: 'WorkflowStateMachine/label', context: {} });
    return {
      succeed: async (token, output) => void (may('SendTaskSuccess') && (await this.#tokens.succeed(token, output))),
      fail: async (token, error) => void (may('SendTaskFailure') && (await this.#tokens.fail(token, error))),
      heartbeat: async (token) => void (may('SendTaskHeartbeat') && (await this.#tokens.heartbeat(token))),
    };
  }

  /** As EventBridge does it: by the rules of the template. */
  #bring(key: string): void {
    for (const [queue, patterns] of this.#patterns) {
      if (!patterns.some((pattern) => matches(pattern, key))) continue;
      if (queue === 'SignalsAnswers') this.#work(signal(this.#dependenciesOf('Signal'), key));
      if (queue === 'SignalsRequests') this.#work(start(this.#dependenciesOf('Start'), key));
    }
  }

  async #readItems(payload: unknown): Promise<unknown> {
    const { Key } = z.object({ Key: z.string() }).parse(payload);
    const stored = await this.storeOf('WorkflowRole').get(Key);
    return JSON.parse(Buffer.from(stored?.body ?? '[]').toString());
  }

  #work(work: Promise<unknown> | undefined): void {
    if (work === undefined) return;
    const ended = work.catch(() => undefined).finally(() => this.#atWork.delete(ended));
    this.#atWork.add(ended);
  }

  async #until<T>(look: () => Promise<T | undefined>): Promise<T> {
    for (;;) {
      this.#stopping.signal.throwIfAborted();
      // Whoever lacks a permission may wait for ever.
      if (this.denied.size > 0) throw new Error(`denied: ${[...this.denied].join(', ')}`);
      const found = await look();
      if (found !== undefined) return found;
      await sleep(5);
    }
  }
}

export function certificateOf(server: ServerId): Record<string, string> {
  const [site = '', name = ''] = server.split('/');
  return { 'aws:PrincipalTag/x509Subject/OU': site, 'aws:PrincipalTag/x509Subject/CN': name };
}

/** Queue -> the patterns of keys whose creation is brought there. */
function rulesOf(stack: SynthesisedStack): ReadonlyMap<string, readonly string[]> {
  const rules = Object.values(stack.ofType('AWS::Events::Rule')).map(({ Properties }) => {
    const { EventPattern: pattern, Targets: targets } = ruleSchema.parse(Properties);
    return [render(targets[0]?.Arn), pattern.detail.object.key.map(({ wildcard }) => wildcard)] as const;
  });
  return new Map(rules);
}

const ruleSchema = z.object({
  EventPattern: z.object({
    detail: z.object({ object: z.object({ key: z.array(z.object({ wildcard: z.string() })) }) }),
  }),
  Targets: z.array(z.object({ Arn: z.unknown() })),
});
