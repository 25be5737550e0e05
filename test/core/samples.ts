import { generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { classifier, IGNORE_CLASS, isProtectedClass, UNRECOGNISED } from '#core/classify.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { createManifest, type Manifest, type ManifestEntry } from '#core/manifest.ts';
import { parseRelativePath } from '#core/path-rules.ts';
import type { CopyPartHeader, Plan, PlannedDestination } from '#core/plan.ts';
import { planDigest } from '#core/plan.ts';
import type { Signer } from '#core/ports/signer.ts';
import type { Profile } from '#core/profile.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { keyId } from '#core/signed.ts';
import { type SyncId, type SyncPolicy, syncIdSchema } from '#core/sync.ts';

export const SYNC: SyncId = syncIdSchema.parse('20260102T030405Z-0a1b2c3d');
export const OTHER_SYNC: SyncId = syncIdSchema.parse('20260102T030406Z-0a1b2c3d');
export const SOURCE = server('lab/master');
export const DESTINATION = server('north/line-1');

export const POLICY: SyncPolicy = {
  mode: 'overwrite',
  allowShrink: false,
  dryRun: false,
  approvals: 1,
  requesterMayApprove: false,
};

export const PROFILE: Profile = {
  name: 'sample',
  version: 1,
  rules: [
    { class: 'ignore', match: ['**/*.log'] },
    { class: 'firmware', match: ['firmware/**'] },
    { class: 'configuration', match: ['**/*.cfg', '*'] },
    { class: 'license', match: ['**/*.lic', '**/licenses/**'] },
  ],
};

export const PROFILE_DIGEST = sha256('the sample profile');

export function server(id: string): ServerId {
  return serverIdSchema.parse(id);
}

export function digest(text: string): Sha256 {
  return sha256(text);
}

const classOf = classifier(PROFILE);

/** The entry that a scan makes of a file with this content; its size is the content's length. */
export function fileEntry(path: string, content: string, mtime = 1_700_000_000_000): ManifestEntry {
  const artifactClass = classOf(path);
  if (artifactClass === UNRECOGNISED) return { kind: 'unrecognised', path };
  return {
    kind: isProtectedClass(artifactClass) ? 'protected' : 'artifact',
    class: artifactClass,
    mode: 0o644,
    mtime,
    path: parseRelativePath(path),
    sha256: sha256(content),
    size: content.length,
  };
}

/** A manifest of files by path; a path that ends with a slash is an empty folder. */
export function manifestOf(files: Readonly<Record<string, string>>): Manifest {
  const seen = Object.entries(files).filter(([path]) => path.endsWith('/') || classOf(path) !== IGNORE_CLASS);
  const entries = seen.map(
    ([path, content]): ManifestEntry => (path.endsWith('/') ? { kind: 'folder', path } : fileEntry(path, content)),
  );
  return createManifest(PROFILE_DIGEST, entries);
}

export const PART_HEADER: CopyPartHeader = {
  format: 'lockstep-plan-part/1',
  sync: SYNC,
  server: DESTINATION,
  source: SOURCE,
  sourceManifest: digest('source manifest'),
  destinationManifest: digest('destination manifest'),
  stateBefore: digest('state before'),
  stateAfter: digest('state after'),
  snapshot: digest('snapshot'),
  profile: PROFILE_DIGEST,
  mode: 'overwrite',
};

export function plannedChanges(id: string, part: Sha256): Extract<PlannedDestination, { outcome: 'changes' }> {
  return {
    outcome: 'changes',
    server: server(id),
    part,
    counts: { create: 1, update: 0, remove: 0, keep: 0 },
    bytes: 3,
    classes: { firmware: { create: 1, update: 0, remove: 0, keep: 0, bytes: 3 } },
    notable: [],
    protected: 0,
    unrecognised: 0,
  };
}

export function samplePlan(change: Partial<Omit<Plan, 'digest'>> = {}): Plan {
  const plan: Omit<Plan, 'digest'> = {
    format: 'lockstep-plan/1',
    sync: SYNC,
    createdAt: '2026-01-02T03:05:00Z',
    expiresAt: '2026-01-03T03:05:00Z',
    requestedBy: 'requester',
    policy: POLICY,
    source: {
      server: SOURCE,
      manifest: digest('source manifest'),
      artifacts: 1,
      bytes: 3,
      bytesUploaded: 3,
      protected: 0,
      leftOut: 0,
      leftOutNotable: [],
    },
    destinations: [plannedChanges(DESTINATION, digest('part'))],
    ...change,
  };
  return { ...plan, digest: planDigest(plan) };
}

/** A signer whose key lives as long as the test. */
export function createTestSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return {
    keyId: keyId(pem),
    publicKey: pem,
    sign: async (message) => signBytes('sha256', message, privateKey),
  };
}
