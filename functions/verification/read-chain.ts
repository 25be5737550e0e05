import { assertDecisionHolds } from '#core/approval.ts';
import type { Sha256 } from '#core/digest.ts';
import { parseDocument } from '#core/documents.ts';
import { DecisionRefused, InvalidDocument } from '#core/errors.ts';
import { keys, parseOrderId } from '#core/keys.ts';
import type { Order } from '#core/order.ts';
import type { Plan } from '#core/plan.ts';
import { type ApplyReceipt, enrolmentSchema, type Receipt, signedReceiptSchema } from '#core/receipt.ts';
import { isSignedBy } from '#core/signed.ts';
import { findDecision } from '../approval/cast-vote.ts';
import { loadPlan } from '../sync-documents.ts';
import { type IssuedOrder, issuedOrders, type OrdersOf } from './issued-orders.ts';

/** One order of a server, its answer, and whether that begins where the one before ended. */
export interface ChainLink extends IssuedOrder {
  readonly receipt: Receipt | undefined;
  /** Who signed the answer; `undefined` where there is none, or nothing that can be read. */
  readonly keyId: Sha256 | undefined;
  /** `bad`: not this server's answer to this order, signed by its enrolled agent. */
  readonly signature: 'good' | 'bad' | 'none';
  readonly states: { readonly before: States; readonly after: States } | undefined;
  /** Of an answer with states. `unknown`: what was there before is not known. */
  readonly follows: 'yes' | 'changed-between' | 'other-profile' | 'unknown' | undefined;
  /** Of an apply. */
  readonly approval: LinkApproval | undefined;
}

export type States = ApplyReceipt['before'];

export interface LinkApproval {
  /** That the order names. */
  readonly plan: Sha256;
  /** Bytes of the files that it creates or updates; `undefined` where the plan cannot be read. */
  readonly bytes: number | undefined;
  /** `undefined` where no decision holds for that plan. */
  readonly approvedBy: readonly string[] | undefined;
}

/** The newest `limit` orders of a server, the oldest of them first. */
export async function readChain(orders: OrdersOf, limit: number): Promise<ChainLink[]> {
  const agentKey = await findAgentKey(orders);
  const links: ChainLink[] = [];
  let older = 0;
  for await (const issued of issuedOrders(orders)) {
    // Older ones only say what the first that is shown should follow on.
    if (links.length >= limit && ++older > MOST_OLDER) break;
    links.push(await readLink(orders, agentKey, issued));
    if (links.length > limit && tells(links.at(-1))) break;
  }
  return linkUp(links.reverse()).slice(-limit);
}

/** Oldest first. A refusal and a rollback leave what was there; after a failure nobody knows. */
function linkUp(links: readonly ChainLink[]): ChainLink[] {
  let last: { readonly states: States; readonly profile: Sha256 | undefined } | undefined;
  return links.map((link) => {
    const { receipt, states } = link;
    if (states === undefined) {
      if (isUnsettled(link)) last = undefined;
      return link;
    }
    const profile = receipt?.outcome === 'DONE' ? receipt.summary.profile : last?.profile;
    const isOther = last?.profile !== undefined && last.profile !== profile;
    const follows =
      last === undefined
        ? 'unknown'
        : isOther
          ? 'other-profile'
          : isSame(last.states, states.before)
            ? 'yes'
            : 'changed-between';
    last = { states: states.after, profile };
    return { ...link, follows };
  });
}

function tells(link: ChainLink | undefined): boolean {
  return link !== undefined && (link.states !== undefined || isUnsettled(link));
}

function isUnsettled({ receipt }: ChainLink): boolean {
  return receipt?.step === 'apply' && receipt.outcome === 'FAILED';
}

function isSame(a: States, b: States): boolean {
  return a.state === b.state && a.protectedState === b.protectedState;
}

async function readLink(orders: OrdersOf, agentKey: string | undefined, issued: IssuedOrder): Promise<ChainLink> {
  const { order } = issued;
  const nothing = { receipt: undefined, keyId: undefined, states: undefined, follows: undefined, approval: undefined };
  if (order === undefined) return { ...issued, ...nothing, signature: 'none' };
  const answer = await readAnswer(orders, agentKey, order);
  const states = answer.receipt && statesOf(answer.receipt);
  return { ...issued, ...nothing, ...answer, states, approval: await findApproval(orders, order) };
}

async function readAnswer({ store }: OrdersOf, agentKey: string | undefined, order: Order) {
  const key = keys.receipt(order.server, parseOrderId(order.order));
  const stored = await store.get(key);
  if (stored === undefined) return { signature: 'none' } as const;
  try {
    const signed = parseDocument(key, signedReceiptSchema, stored.body);
    const { payload, signature } = signed;
    const isIts = payload.order === order.order && payload.server === order.server;
    if (agentKey === undefined || !isIts || !isSignedBy(signed, agentKey))
      return { signature: 'bad', keyId: signature.keyId } as const;
    return { receipt: payload, signature: 'good', keyId: signature.keyId } as const;
  } catch (error) {
    if (error instanceof InvalidDocument) return { signature: 'bad' } as const;
    throw error;
  }
}

function statesOf(receipt: Receipt): ChainLink['states'] {
  switch (receipt.outcome) {
    case 'SUCCEEDED':
      return { before: receipt.before, after: receipt.after };
    case 'DONE': {
      const { protectedState, state } = receipt.summary;
      return { before: { state, protectedState }, after: { state, protectedState } };
    }
    case 'REFUSED':
    case 'ROLLED_BACK':
    case 'FAILED':
      return undefined;
  }
}

async function findApproval(orders: OrdersOf, order: Order): Promise<LinkApproval | undefined> {
  if (order.step !== 'apply') return undefined;
  const plan = await findPlan(orders, order);
  const planned = plan?.destinations.find(({ server }) => server === order.server);
  return {
    plan: order.plan,
    bytes: planned?.outcome === 'changes' ? planned.bytes : undefined,
    approvedBy: plan && (await findApprovers(orders, plan)),
  };
}

/** The one that the order names. */
async function findPlan({ controlKey, store }: OrdersOf, order: Extract<Order, { readonly step: 'apply' }>) {
  try {
    const plan = await loadPlan(store, order.sync, controlKey);
    return plan?.digest === order.plan ? plan : undefined;
  } catch (error) {
    if (error instanceof InvalidDocument) return undefined;
    throw error;
  }
}

async function findApprovers({ store }: OrdersOf, plan: Plan): Promise<readonly string[] | undefined> {
  try {
    const decision = await findDecision({ store }, plan.sync);
    if (decision?.decision !== 'APPROVED') return undefined;
    assertDecisionHolds(plan, decision);
    return decision.votes.map(({ by }) => by);
  } catch (error) {
    if (error instanceof InvalidDocument || error instanceof DecisionRefused) return undefined;
    throw error;
  }
}

async function findAgentKey({ server, store }: OrdersOf): Promise<string | undefined> {
  const key = keys.enrolment(server);
  const stored = await store.get(key);
  return stored && parseDocument(key, enrolmentSchema, stored.body).publicKey;
}

/** Orders that say nothing of what was there, in a row. */
const MOST_OLDER = 50;
