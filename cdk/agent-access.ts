import { readFileSync } from 'node:fs';
import { CfnOutput, CfnParameter, Duration, Stack } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnProfile, CfnTrustAnchor } from 'aws-cdk-lib/aws-rolesanywhere';
import { Construct } from 'constructs';
import type { Sha256 } from '#core/digest.ts';
import { keys, type OrderId } from '#core/keys.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import type { ContentStore } from './content-store.ts';
import type { Settings } from './settings.ts';
import { type KeyPattern, STORE_KEYS } from './store-keys.ts';

/**
 * The server that a certificate is made out to, `O=..., OU=SITE, CN=NAME`, as IAM Roles Anywhere tells it to a policy.
 * Two fields, for a common name holds 64 characters and a server id up to 127; and a slash is allowed in a tag, but not
 * in the source identity that the common name also becomes. Without either, nothing here matches anything.
 */
const SITE_TAG = 'aws:PrincipalTag/x509Subject/OU';
const NAME_TAG = 'aws:PrincipalTag/x509Subject/CN';
const OWN = `\${${SITE_TAG}}/\${${NAME_TAG}}` as ServerId;

const ANY_ORDER = '*' as OrderId;
const ANY_DIGEST = '*' as Sha256;

const ORDER = 'below its own prefix; orders are named when a sync gives them';
const MANIFEST = 'below its own prefix; a manifest is named by its digest';

const OWN_KEYS = {
  controlKey: STORE_KEYS.controlKey,
  enrolment: { pattern: keys.enrolment(OWN) },
  status: { pattern: keys.status(OWN) },
  currentOrder: { pattern: keys.currentOrder(OWN) },
  numberedOrders: { pattern: keys.order(OWN, 0).replace(/\d{10}/, '??????????'), openBecause: ORDER },
  progress: { pattern: keys.progress(OWN, ANY_ORDER), openBecause: ORDER },
  receipts: { pattern: keys.receipt(OWN, ANY_ORDER), openBecause: ORDER },
  withdrawals: { pattern: keys.withdrawn(OWN, ANY_ORDER), openBecause: ORDER },
  manifests: { pattern: keys.manifest(OWN, ANY_DIGEST), openBecause: MANIFEST },
  parts: {
    pattern: keys.part('*' as SyncId, OWN, ANY_DIGEST),
    openBecause: 'its own part of any sync; named by its digest, which its order says',
  },
  snapshots: STORE_KEYS.snapshots,
  indexes: STORE_KEYS.indexes,
  packs: STORE_KEYS.packs,
} as const satisfies Record<string, KeyPattern>;

export const AGENT_KEYS: readonly KeyPattern[] = Object.values(OWN_KEYS);

/** Nothing is listed or removed. */
const READ = AGENT_KEYS.filter((one) => one !== OWN_KEYS.progress);
const { enrolment, indexes, manifests, packs, progress, receipts, snapshots, status } = OWN_KEYS;
const WRITTEN: readonly KeyPattern[] = [enrolment, status, progress, receipts, manifests, snapshots, indexes, packs];

interface AgentAccessProps {
  readonly store: ContentStore;
  readonly settings: Pick<Settings, 'agentAuthority' | 'agentSessionSeconds'>;
}

/** How an agent gets into the store: with the certificate of its server, and with nothing that lasts. */
export class AgentAccess extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, { settings, store }: AgentAccessProps) {
    super(scope, id);
    const { stackName } = Stack.of(this);
    const anchor = new CfnTrustAnchor(this, 'TrustAnchor', {
      name: `${stackName}-agents`,
      enabled: true,
      source: this.#source(settings.agentAuthority),
    });
    this.role = this.#createRole(anchor.attrTrustAnchorArn, settings.agentSessionSeconds);
    this.#allow(store);
    const profile = new CfnProfile(this, 'Profile', {
      name: `${stackName}-agents`,
      enabled: true,
      roleArns: [this.role.roleArn],
      durationSeconds: settings.agentSessionSeconds,
    });
    // What the agents' credential helper is told.
    new CfnOutput(this, 'TrustAnchorArn', { value: anchor.attrTrustAnchorArn });
    new CfnOutput(this, 'ProfileArn', { value: profile.attrProfileArn });
    new CfnOutput(this, 'RoleArn', { value: this.role.roleArn });
  }

  #createRole(trustAnchorArn: string, seconds: number): Role {
    const principal = new ServicePrincipal('rolesanywhere.amazonaws.com', {
      conditions: {
        ArnEquals: { 'aws:SourceArn': trustAnchorArn },
        StringEquals: { 'aws:SourceAccount': Stack.of(this).account },
        // A certificate of the same authority that is not made out to a server is for something else.
        StringLike: { [SITE_TAG]: '?*', [NAME_TAG]: '?*' },
      },
    });
    const role = new Role(this, 'Role', {
      assumedBy: principal,
      description: 'The agent of the server that the certificate names',
      maxSessionDuration: Duration.seconds(Math.max(seconds, 3600)),
    });
    role.assumeRolePolicy?.addStatements(
      new PolicyStatement({
        effect: Effect.ALLOW,
        principals: [principal],
        actions: ['sts:TagSession', 'sts:SetSourceIdentity'],
      }),
    );
    return role;
  }

  #allow(store: ContentStore): void {
    const at = (known: readonly KeyPattern[]) => known.map(({ pattern }) => store.bucket.arnForObjects(pattern));
    this.role.addToPolicy(new PolicyStatement({ actions: ['s3:GetObject'], resources: at(READ) }));
    const writing = ['s3:PutObject', 's3:AbortMultipartUpload'];
    this.role.addToPolicy(new PolicyStatement({ actions: writing, resources: at(WRITTEN) }));
    for (const statement of store.keyStatements({ decrypts: true, encrypts: true })) this.role.addToPolicy(statement);
  }

  #source(authority: string | undefined): CfnTrustAnchor.SourceProperty {
    if (authority?.startsWith('arn:') === true) {
      return { sourceType: 'AWS_ACM_PCA', sourceData: { acmPcaArn: authority } };
    }
    const pem = authority === undefined ? this.#parameter() : readFileSync(authority, 'utf8');
    return { sourceType: 'CERTIFICATE_BUNDLE', sourceData: { x509CertificateData: pem } };
  }

  #parameter(): string {
    const parameter = new CfnParameter(Stack.of(this), 'AgentAuthority', {
      description: 'Certificate (PEM) of the authority that issues the certificates of the agents',
      allowedPattern: '-----BEGIN CERTIFICATE-----[\\s\\S]+-----END CERTIFICATE-----\\s*',
    });
    return parameter.valueAsString;
  }
}
