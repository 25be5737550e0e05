import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type IBucket,
  type LifecycleRule,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';
import { CREATED_ONCE, STORE_KEYS, type StoreKey } from './store-keys.ts';

/** What somebody may do in the store. */
export interface StoreAccess {
  readonly reads?: readonly StoreKey[];
  readonly writes?: readonly StoreKey[];
  readonly deletes?: readonly StoreKey[];
  /** Locks them, for a time; s3:BypassGovernanceRetention is nobody's. */
  readonly holds?: readonly StoreKey[];
  /** Beginnings of keys. */
  readonly lists?: readonly string[];
}

type StoreSettings = Pick<Settings, 'accessLogDays' | 'disposable' | 'noncurrentDays' | 'objectLock'>;

/** The bucket in which agents, functions and people meet, and the key that its objects are encrypted with. */
export class ContentStore extends Construct {
  readonly bucket: Bucket;
  readonly dataKey: Key;

  constructor(scope: Construct, id: string, settings: StoreSettings) {
    super(scope, id);
    const removalPolicy = settings.disposable ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN;
    this.dataKey = new Key(this, 'DataKey', {
      description: 'Encrypts what the servers of the fleet hold, and the alarms about it',
      enableKeyRotation: true,
      removalPolicy,
    });
    this.bucket = new Bucket(this, 'Bucket', {
      versioned: true,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      encryption: BucketEncryption.KMS,
      encryptionKey: this.dataKey,
      // Else every object costs a call of KMS, and a fleet that scans at once its quota.
      bucketKeyEnabled: true,
      // Without a retention of its own: what is held is named one by one, for a status is written every minute.
      objectLockEnabled: settings.objectLock !== 'none',
      lifecycleRules: lifecycle(settings),
      // CDK's own types do not agree on what is undefined and what is absent.
      serverAccessLogsBucket: this.#createAccessLogs(settings, removalPolicy) as IBucket,
      removalPolicy,
    });
    // As a property of the bucket: CDK's own way is a function that sets it afterwards.
    const { node } = this.bucket;
    (node.defaultChild as CfnBucket).notificationConfiguration = {
      eventBridgeConfiguration: { eventBridgeEnabled: true },
    };
    this.#enforceCreateOnce();
  }

  /** Keys as ARNs. */
  at(...names: readonly StoreKey[]): string[] {
    return names.map((name) => this.bucket.arnForObjects(STORE_KEYS[name].pattern));
  }

  /** As a policy says it; the use of the data key that goes with it included. */
  statements({ deletes = [], holds = [], lists = [], reads = [], writes = [] }: StoreAccess): PolicyStatement[] {
    const statements: PolicyStatement[] = [];
    const allow = (actions: string[], resources: string[]) => {
      if (resources.length > 0) statements.push(new PolicyStatement({ actions, resources }));
    };
    allow(['s3:GetObject'], this.at(...reads));
    // A large object goes up in parts; what was cut off is cleared away by the same caller.
    allow(['s3:PutObject', 's3:AbortMultipartUpload'], this.at(...writes));
    allow(['s3:DeleteObject'], this.at(...deletes));
    allow(['s3:PutObjectRetention'], this.at(...holds));
    if (lists.length > 0) {
      const conditions = { StringLike: { 's3:prefix': lists.map((prefix) => `${prefix}*`) } };
      statements.push(
        new PolicyStatement({ actions: ['s3:ListBucket'], resources: [this.bucket.bucketArn], conditions }),
      );
    }
    return [...statements, ...this.keyStatements({ encrypts: writes.length > 0, decrypts: reads.length > 0 })];
  }

  /** Through S3 and for this bucket only. */
  keyStatements({ decrypts, encrypts }: { readonly encrypts: boolean; readonly decrypts: boolean }): PolicyStatement[] {
    // An upload in parts decrypts its data key with each part.
    const actions = [...(decrypts || encrypts ? ['kms:Decrypt'] : []), ...(encrypts ? ['kms:GenerateDataKey'] : [])];
    if (actions.length === 0) return [];
    const { region, urlSuffix } = Stack.of(this);
    const conditions = {
      StringEquals: {
        'kms:ViaService': `s3.${region}.${urlSuffix}`,
        // With a bucket key the context is the bucket, not the object.
        'kms:EncryptionContext:aws:s3:arn': this.bucket.bucketArn,
      },
    };
    return [new PolicyStatement({ actions, resources: [this.dataKey.keyArn], conditions })];
  }

  /** Whoever writes, and whatever is granted to him: a create without `If-None-Match: *` is denied here. */
  #enforceCreateOnce(): void {
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'CreateOnce',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:PutObject'],
        resources: this.at(...CREATED_ONCE),
        conditions: {
          Null: { 's3:if-none-match': 'true' },
          // The parts of an upload cannot carry the condition; its completion does.
          Bool: { 's3:ObjectCreationOperation': 'true' },
        },
      }),
    );
  }

  #createAccessLogs({ accessLogDays }: StoreSettings, removalPolicy: RemovalPolicy): Bucket {
    const logs = new Bucket(this, 'AccessLogs', {
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      // S3's log delivery cannot use a key of the customer without opening that key to the service.
      encryption: BucketEncryption.S3_MANAGED,
      lifecycleRules: [{ id: 'expire', expiration: Duration.days(accessLogDays) }],
      removalPolicy,
    });
    Validations.of(logs).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'This is the bucket that the access logs go to: a log of writing the log would have no end.',
    });
    return logs;
  }
}

/** Prune removes what no retained snapshot needs; here goes what a versioned bucket keeps behind that. */
function lifecycle({ noncurrentDays }: StoreSettings): LifecycleRule[] {
  return [
    {
      id: 'replaced-and-removed',
      noncurrentVersionExpiration: Duration.days(noncurrentDays),
      expiredObjectDeleteMarker: true,
    },
    { id: 'uploads-cut-off', abortIncompleteMultipartUploadAfter: Duration.days(2) },
    // Task tokens and leases: worth nothing once they are replaced, and written often.
    ...['tokens/', 'sweep/', 'executions/'].map((prefix) => ({
      id: `short-lived-${prefix.slice(0, -1)}`,
      prefix,
      noncurrentVersionExpiration: Duration.days(1),
    })),
  ];
}
