import { AGENT_KEYS } from './agent-access.ts';
import type { Permission } from './permission-table.ts';
import { type KeyPattern, STORE_KEYS } from './store-keys.ts';

type Wildcard = Pick<Permission, 'actions' | 'effect' | 'resource'>;

const KEYS: readonly KeyPattern[] = [...Object.values(STORE_KEYS), ...AGENT_KEYS];

interface Reason {
  readonly effect?: 'Deny';
  /** All of them: what leaves one action open may be too much for another. */
  readonly actions: RegExp;
  readonly resource: RegExp;
  readonly because: string;
}

/** What is no key of the store. */
const OTHERS: readonly Reason[] = [
  {
    actions: /^xray:(PutTraceSegments|PutTelemetryRecords|GetSamplingRules|GetSamplingTargets)$/,
    resource: /^\*$/,
    because: 'X-Ray has no resources to name',
  },
  {
    actions:
      /^xray:(PutTraceSegments|PutTelemetryRecords|GetSamplingRules|GetSamplingTargets)$|^logs:(\w+LogDelivery|ListLogDeliveries|PutResourcePolicy|DescribeResourcePolicies|DescribeLogGroups)$/,
    resource: /^\*$/,
    because:
      'tracing and the delivery of the log of a workflow: neither X-Ray nor CloudWatch takes a resource for them',
  },
  {
    actions: /^states:(DescribeExecution|StopExecution)$/,
    resource: /:execution:WorkflowStateMachine\/\*$/,
    because: 'a distributed Map follows and stops the executions of its items, which are named when they start',
  },
  {
    actions: /^states:SendTask(Success|Failure|Heartbeat)$/,
    resource: /^WorkflowStateMachine\/\*$/,
    because: 'the items of a distributed Map run under the name of the workflow and a label that AWS gives',
  },
  {
    actions: /^lambda:InvokeFunction$/,
    resource: /^FunctionsPrune:\*$/,
    because: "versions of that one function; there are none, and CDK's target of a schedule grants them always",
  },
  {
    actions: /^kms:\*$/,
    resource: /Key$/,
    because: 'to the account itself, so that policies of callers decide; without it nobody could ever change the key',
  },
  {
    actions: /^kms:(Decrypt|GenerateDataKey\*)$/,
    resource: /Key$/,
    because: 'what AWS asks for where CloudWatch and Budgets write to an encrypted topic; for this account only',
  },
  {
    effect: 'Deny',
    actions: /^(s3|sqs):\*$/,
    resource: /./,
    because: 'it takes away: nothing at all without TLS, or with an old one',
  },
  {
    actions: /^s3:PutObject$/,
    resource: /^StoreAccessLogs\/\*$/,
    because: 'S3 names the log files; from the store of this account only',
  },
];

/** Why this is left open; `undefined` where nobody has said so. */
export function reasonFor({ actions, effect, resource }: Wildcard): string | undefined {
  const key = KEYS.find(({ pattern }) => resource === `StoreBucket/${pattern}`);
  if (key !== undefined && actions.every((action) => /^s3:\w+$/.test(action))) return key.openBecause;
  return OTHERS.find(
    (one) =>
      (one.effect ?? 'Allow') === effect &&
      one.resource.test(resource) &&
      actions.every((action) => one.actions.test(action)),
  )?.because;
}
