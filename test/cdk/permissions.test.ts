import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { EVERYTHING } from '#cdk/everything.ts';
import { isOpen, type Permission, readPermissions } from '#cdk/permission-table.ts';
import { permissionsPage } from '#cdk/permissions-page.ts';
import { CREATED_ONCE, STORE_KEYS } from '#cdk/store-keys.ts';
import { type SynthesisedStack, synthesise } from './synthesised.ts';

let stack: SynthesisedStack;
let permissions: readonly Permission[];

beforeAll(() => {
  stack = synthesise(EVERYTHING);
  permissions = readPermissions(stack.template);
});

function who(may: (permission: Permission) => boolean): string[] {
  const allowed = permissions.filter((one) => one.effect === 'Allow' && one.stands === 'with the caller' && may(one));
  return [...new Set(allowed.map((one) => one.who))].toSorted();
}

function whoMay(action: string, resource = /./): string[] {
  return who((one) => one.actions.includes(action) && resource.test(one.resource));
}

describe('the permissions of the stack', () => {
  it('are what docs/permissions.md says; npm run permissions writes it anew', () => {
    const page = readFileSync(resolve(import.meta.dirname, '../../docs/permissions.md'), 'utf8');
    expect(permissionsPage(permissions)).toBe(page);
  });

  it('leave nothing open without a written reason', () => {
    const unexplained = permissions.filter((one) => isOpen(one) && one.because === undefined);
    expect(unexplained.map((one) => `${one.who}: ${one.actions.join(' ')} ${one.resource}`)).toEqual([]);
  });

  it('are read from every policy that the template has', () => {
    const withPolicy = Object.entries(stack.template.Resources).filter(([, { Properties, Type }]) => {
      return (
        Type !== 'AWS::Events::Rule' &&
        /"(PolicyDocument|KeyPolicy|AssumeRolePolicyDocument|Statement)"/.test(JSON.stringify(Properties))
      );
    });
    const read = withPolicy.filter(([id, one]) => readPermissions({ Resources: { [id]: one } }).length > 0);
    expect(withPolicy.length).toBeGreaterThan(30);
    expect(read.length).toBe(withPolicy.length);
    const types = new Set(Object.values(stack.template.Resources).map(({ Type }) => Type));
    // Of these types, policies that are not read would be overlooked.
    for (const type of ['AWS::IAM::Group', 'AWS::IAM::User', 'AWS::IAM::UserPolicy', 'AWS::IAM::RolePolicy']) {
      expect(types).not.toContain(type);
    }
  });

  it('let three functions sign, and nobody else', () => {
    const signers = ['FunctionsApplyRole', 'FunctionsInventoryRole', 'FunctionsPlanRole'];
    expect(who(({ actions }) => actions.some((action) => /^kms:(Sign|\*)$/.test(action)))).toEqual(signers);
  });

  it('let prune remove content, and nobody else', () => {
    const content = /^StoreBucket\/(packs|indexes|snapshots)\//;
    expect(whoMay('s3:DeleteObject', content)).toEqual(['FunctionsPruneRole']);
    expect(
      who(({ actions }) => actions.some((action) => /DeleteObjectVersion|PutLifecycle|PutBucket/.test(action))),
    ).toEqual([]);
  });

  it('let nobody but the control plane see a task token, nor remove what an audit rests on', () => {
    const tokens = ['Apply', 'Approval', 'Inventory', 'Signal'].map((name) => `Functions${name}Role`);
    expect(whoMay('s3:GetObject', /^StoreBucket\/tokens\//)).toEqual(tokens);
    expect(whoMay('s3:DeleteObject', /receipts|request|plan|decision|votes|verdict|orders/)).toEqual([]);
  });

  it('let one function hold records, and nobody let go of them', () => {
    expect(whoMay('s3:PutObjectRetention')).toEqual(['FunctionsHoldRole']);
    expect(whoMay('s3:BypassGovernanceRetention')).toEqual([]);
  });

  it('let prune, the console and people list, and nobody else', () => {
    const lists = ['FunctionsConsoleRole', 'FunctionsPruneRole', 'PeopleApprovers', 'PeopleOperators'];
    expect(whoMay('s3:ListBucket')).toEqual(lists);
  });

  it('start the workflow by one function, and its Maps', () => {
    expect(whoMay('states:StartExecution')).toEqual(['FunctionsStartRole', 'WorkflowRole']);
  });

  it('give mails to the functions that write them, from one address', () => {
    expect(whoMay('ses:SendRawEmail')).toEqual(['FunctionsApprovalRole', 'FunctionsReportRole']);
    const mails = permissions.filter(({ actions }) => actions.includes('ses:SendEmail'));
    expect(mails.every(({ conditions }) => conditions.some(({ key }) => key === 'ses:FromAddress'))).toBe(true);
  });

  it('use the data key through S3 only', () => {
    const uses = permissions.filter((one) => one.resource === 'StoreDataKey' && one.stands === 'with the caller');
    expect(uses.length).toBeGreaterThan(10);
    for (const { conditions } of uses) expect(conditions.map(({ key }) => key)).toContain('kms:ViaService');
  });
});

describe('what the bucket itself refuses', () => {
  it('is every write without If-None-Match to a key that is created once', () => {
    const refused = permissions.filter((one) => one.effect === 'Deny' && one.actions.includes('s3:PutObject'));
    const once = CREATED_ONCE.map((name) => `StoreBucket/${STORE_KEYS[name].pattern}`);
    expect(refused.map(({ resource }) => resource).toSorted()).toEqual(once.toSorted());
    for (const { conditions, who: refusedTo } of refused) {
      expect(refusedTo).toBe('anybody');
      expect(conditions).toEqual([
        { operator: 'Bool', key: 's3:ObjectCreationOperation', values: ['true'] },
        { operator: 'Null', key: 's3:if-none-match', values: ['true'] },
      ]);
    }
  });

  it('leaves out what may be written again', () => {
    const patterns = CREATED_ONCE.map((name): string => STORE_KEYS[name].pattern);
    for (const name of [
      'manifests',
      'currentOrders',
      'progress',
      'tokens',
      'baselines',
      'sweepLease',
      'parts',
    ] as const) {
      expect(patterns).not.toContain(STORE_KEYS[name].pattern);
    }
  });
});
