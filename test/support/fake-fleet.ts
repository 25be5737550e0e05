import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryStore } from '#adapters/memory-store.ts';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { sha256 } from '#core/digest.ts';
import type { ManifestEntry } from '#core/manifest.ts';
import { parseRelativePath } from '#core/path-rules.ts';
import type { Mail } from '#core/ports/notifier.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Signer } from '#core/ports/signer.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import type { SyncVerdict } from '#core/verdict.ts';
import { Controller } from '#embedded/controller.ts';
import { castVote, type VoteCast } from '#functions/approval/cast-vote.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import { requestSync, type SyncWish } from '#functions/request-sync.ts';
import { loadPlan } from '#functions/sync-documents.ts';
import { FakeAgent } from './fake-agent.ts';
import { createKeySigner } from './key-signer.ts';

const POLL_MILLISECONDS = 2;

function server(id: string): ServerId {
  return serverIdSchema.parse(id);
}

export function file(path: string, content: string, artifactClass = 'configuration'): ManifestEntry {
  const fields = { class: artifactClass, mode: 0o644, mtime: 0, sha256: sha256(content), size: content.length };
  return { kind: artifactClass === 'license' ? 'protected' : 'artifact', path: parseRelativePath(path), ...fields };
}

/** A control plane on a memory store, with agents that need no disk. */
export class FakeFleet {
  readonly store: ObjectStore;
  readonly signer: Signer;
  readonly mails: Mail[] = [];
  readonly logged: string[] = [];
  readonly agents = new Map<string, FakeAgent>();
  #controller: Controller | undefined;
  #polling: Promise<void> | undefined;
  readonly #ended = new AbortController();

  constructor(store: ObjectStore = new MemoryStore(), signer: Signer = createKeySigner()) {
    this.store = store;
    this.signer = signer;
  }

  async add(id: string, entries: ManifestEntry[]): Promise<FakeAgent> {
    const agent = await FakeAgent.enrol(this.store, server(id), entries);
    this.agents.set(id, agent);
    return agent;
  }

  /** The controller may see the store in its own way; agents and people see the real one. */
  async start(store: ObjectStore = this.store): Promise<void> {
    const { signer } = this;
    const notifier = { send: async (mail: Mail) => void this.mails.push(mail) };
    const log = (event: string, fields: object) => void this.logged.push(`${event} ${JSON.stringify(fields)}`);
    const parts = { store, signer, notifier, log, now: () => new Date(), pollMilliseconds: POLL_MILLISECONDS };
    this.#controller = await Controller.start({ ...parts, adopt: true });
    this.serveAgents();
  }

  /** Without a controller of its own. */
  serveAgents(): void {
    this.#polling ??= this.#pollAgents();
  }

  async stopController(): Promise<void> {
    await this.#controller?.stop();
  }

  /** Not waited for: what a killed process has begun never ends. */
  killController(): void {
    void this.#controller?.stop();
    this.#controller = undefined;
  }

  async end(): Promise<void> {
    this.#ended.abort();
    await Promise.all([this.stopController(), this.#polling]);
  }

  async request(wish: Partial<SyncWish> = {}): Promise<SyncId> {
    const { store } = this;
    const [source, ...destinations] = [...this.agents.keys()].map(server);
    const random = () => randomBytes(3).toString('hex').slice(1);
    return requestSync(
      { store, executions: new StoreExecutions(store), now: () => new Date(), random },
      {
        requestedBy: 'requester',
        source: source ?? server('no/source'),
        destinations,
        policy: { mode: 'overwrite', allowShrink: false, dryRun: false, approvals: 1, requesterMayApprove: false },
        waveSize: 10,
        errorBudget: 0,
        timeouts: { offlineSeconds: 1, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 },
        notify: ['approvers@example.org'],
        ...wish,
      },
    );
  }

  /** The digest of the plan, once there is one. */
  async planned(sync: SyncId): Promise<ReturnType<typeof sha256>> {
    const plan = await this.#until(() => loadPlan(this.store, sync, this.signer.publicKey));
    return plan.digest;
  }

  async vote(sync: SyncId, decision: 'APPROVED' | 'REJECTED', by = 'approver'): Promise<VoteCast> {
    const cast = { sync, plan: await this.planned(sync), decision, by, via: 'test' };
    return castVote({ store: this.store, now: () => new Date(), controlKey: this.signer.publicKey }, cast);
  }

  verdict(sync: SyncId): Promise<SyncVerdict> {
    return this.#until(() => findVerdict(this.store, sync));
  }

  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    await this.#until(async () => ((await condition()) ? true : undefined));
  }

  async #until<T>(look: () => Promise<T | undefined>): Promise<T> {
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      await sleep(POLL_MILLISECONDS);
    }
  }

  async #pollAgents(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      for (const agent of this.agents.values()) await agent.poll();
      await sleep(POLL_MILLISECONDS);
    }
  }
}
