import { isWrite, type StoreCall, wrapStore } from '#adapters/wrap-store.ts';
import type { Permission } from '#cdk/permission-table.ts';
import { StorePermanent } from '#core/errors.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Signer } from '#core/ports/signer.ts';
import { type Call, isAllowed } from './policy-judge.ts';

/** What a role of the stack has around it, as far as the policies let it; what they did not let is written down. */
export class RoleView {
  readonly #permissions: readonly Permission[];
  readonly #who: string;
  readonly #tags: Readonly<Record<string, string>>;
  readonly #denied: Set<string>;

  constructor(view: {
    readonly permissions: readonly Permission[];
    readonly who: string;
    /** Of the principal. */
    readonly tags?: Readonly<Record<string, string>>;
    readonly denied: Set<string>;
  }) {
    this.#permissions = view.permissions;
    this.#who = view.who;
    this.#tags = view.tags ?? {};
    this.#denied = view.denied;
  }

  /** As S3 does it: what may not be read looks absent, and what may not be written is refused. */
  store(store: ObjectStore): ObjectStore {
    const wrapped = wrapStore(store, async <T>(call: StoreCall, run: () => Promise<T>): Promise<T> => {
      if (this.#mayCall(call)) return await run();
      if (isWrite(call)) throw new StorePermanent(call.key, 'no permission; check the policy');
      return undefined as T;
    });
    const assertMayList = (prefix: string) => {
      const call = { action: 's3:ListBucket', resource: 'StoreBucket', context: { 's3:prefix': prefix } };
      if (!this.allows(call)) throw new StorePermanent(prefix, 'no permission; check the policy');
    };
    return {
      ...wrapped,
      list: (prefix, options) => {
        assertMayList(prefix);
        return store.list(prefix, options);
      },
      listFolders: (prefix, options) => {
        assertMayList(prefix);
        return store.listFolders(prefix, options);
      },
    };
  }

  signer(signer: Signer): Signer {
    this.allows({ action: 'kms:GetPublicKey', resource: 'SigningKey', context: {} });
    return {
      ...signer,
      sign: async (message) => {
        const context = { 'kms:SigningAlgorithm': 'ECDSA_SHA_256' };
        if (!this.allows({ action: 'kms:Sign', resource: 'SigningKey', context })) throw new Error('kms:Sign denied');
        return await signer.sign(message);
      },
    };
  }

  allows({ action, context, resource }: Omit<Call, 'who'>): boolean {
    const call = { who: this.#who, action, resource, context: { ...this.#tags, ...context } };
    const isFine = isAllowed(this.#permissions, call);
    if (!isFine) this.#denied.add(`${this.#who}: ${action} ${resource}`);
    return isFine;
  }

  #mayCall(call: StoreCall): boolean {
    return callsOf(call).every((one) => this.allows(one));
  }
}

const OF_THIS_BUCKET = {
  'kms:ViaService': 's3.{Region}.{URLSuffix}',
  'kms:EncryptionContext:aws:s3:arn': 'StoreBucket',
};

/** What S3 asks of policies for one call: the call itself, and the data key; compare-and-swap reads what it replaces. */
function callsOf({ body, key, method }: StoreCall): Omit<Call, 'who'>[] {
  const resource = `StoreBucket/${key}`;
  const creating = { 's3:ObjectCreationOperation': 'true' };
  const reads = [
    { action: 's3:GetObject', resource, context: {} },
    { action: 'kms:Decrypt', resource: 'StoreDataKey', context: OF_THIS_BUCKET },
  ];
  const encrypts = { action: 'kms:GenerateDataKey', resource: 'StoreDataKey', context: OF_THIS_BUCKET };
  // Larger than this goes up in parts, whose data key is decrypted for each.
  const inParts = (body?.length ?? 0) > 16 * 1024 ** 2 ? reads.slice(1) : [];
  switch (method) {
    case 'get':
    case 'getIfChanged':
    case 'getRange':
      return reads;
    case 'head':
      return reads.slice(0, 1);
    case 'put':
      return [{ action: 's3:PutObject', resource, context: creating }, encrypts, ...inParts];
    case 'create': {
      const context = { ...creating, 's3:if-none-match': '*' };
      return [{ action: 's3:PutObject', resource, context }, encrypts, ...inParts];
    }
    case 'replace': {
      const context = { ...creating, 's3:if-match': 'etag' };
      return [{ action: 's3:PutObject', resource, context }, ...reads.slice(0, 1), encrypts, ...inParts];
    }
    case 'delete':
      return [{ action: 's3:DeleteObject', resource, context: {} }];
  }
}
