import { encodeDocument, MAX_SIGNED_BYTES, parseDocument } from '#core/documents.ts';
import { InvalidDocument, StorePrecondition } from '#core/errors.ts';
import { keys, type OrderId } from '#core/keys.ts';
import { type Plan, planSchema } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Signer } from '#core/ports/signer.ts';
import { enrolmentSchema, type Receipt, signedReceiptSchema } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { isSignedBy, signedSchema, type Verifier, verifierOf } from '#core/signed.ts';
import { type SyncId, type SyncRequest, syncRequestSchema } from '#core/sync.ts';
import { KeptDocuments } from './kept-documents.ts';

const REQUESTS = new KeptDocuments<SyncRequest>();
const PLANS = new KeptDocuments<Plan>();

/** Creates the object, or leaves the one that an earlier attempt made; says whether this call made it. */
export async function createOnce(store: ObjectStore, key: string, value: unknown): Promise<boolean> {
  try {
    await store.create(key, encodeDocument(value));
    return true;
  } catch (error) {
    if (error instanceof StorePrecondition) return false;
    throw error;
  }
}

export async function loadRequest(store: ObjectStore, sync: SyncId): Promise<SyncRequest> {
  const key = keys.request(sync);
  const parse = (body: Uint8Array) => {
    const request = parseDocument(key, syncRequestSchema, body);
    if (request.sync !== sync) throw new InvalidDocument(key, `it is about sync ${request.sync}`);
    return request;
  };
  const request = await REQUESTS.read(store, { key, parse });
  if (request === undefined) throw new InvalidDocument(`sync ${sync}`, 'there is no such sync');
  return request;
}

/** `undefined` until the plan is made; InvalidDocument when the control plane did not sign it. */
export async function loadPlan(
  store: ObjectStore,
  sync: SyncId,
  controlKey: Signer['publicKey'],
): Promise<Plan | undefined> {
  const key = keys.plan(sync);
  const parse = (body: Uint8Array) => {
    const signed = parseDocument(key, signedSchema(planSchema), body);
    if (!isSignedBy(signed, controlKey)) throw new InvalidDocument(key, 'the control plane did not sign it');
    if (signed.payload.sync !== sync) throw new InvalidDocument(key, `it is about ${signed.payload.sync}`);
    return signed.payload;
  };
  return await PLANS.read(store, { key, parse, by: controlKey });
}

export async function requirePlan(store: ObjectStore, sync: SyncId, controlKey: string): Promise<Plan> {
  const plan = await loadPlan(store, sync, controlKey);
  if (plan === undefined) throw new InvalidDocument(`sync ${sync}`, 'it has no plan yet');
  return plan;
}

/** What the server answered to the order; InvalidDocument when its agent did not sign that. */
export async function loadReceipt(store: ObjectStore, server: ServerId, order: OrderId): Promise<Receipt | undefined> {
  const key = keys.receipt(server, order);
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  const signed = parseDocument(key, signedReceiptSchema, stored.body, MAX_SIGNED_BYTES);
  await assertSignedByAgent(store, server, { key, document: signed });
  if (signed.payload.order !== order || signed.payload.server !== server) {
    throw new InvalidDocument(key, `it answers order ${signed.payload.order} of ${signed.payload.server}`);
  }
  return signed.payload;
}

/** The agent's key is the one that it registered when it was enrolled. */
export async function assertSignedByAgent(store: ObjectStore, server: ServerId, signed: SignedByAgent): Promise<void> {
  assertSignedWith(await readAgentKey(store, server), server, signed);
}

interface SignedByAgent {
  readonly key: string;
  readonly document: Parameters<Verifier>[0];
}

/** `undefined` where it is not enrolled. */
export async function readAgentKey(store: ObjectStore, server: ServerId): Promise<Verifier | undefined> {
  const key = keys.enrolment(server);
  const stored = await store.get(key);
  return stored && verifierOf(parseDocument(key, enrolmentSchema, stored.body, MAX_SIGNED_BYTES).publicKey);
}

export function assertSignedWith(isSigned: Verifier | undefined, server: ServerId, signed: SignedByAgent): void {
  if (isSigned === undefined) throw new InvalidDocument(signed.key, `${server} is not enrolled`);
  if (isSigned(signed.document)) return;
  throw new InvalidDocument(signed.key, `the agent enrolled as ${server} did not sign it`);
}
