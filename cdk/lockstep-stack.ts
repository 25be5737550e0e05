import { CfnOutput, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { AgentAccess } from './agent-access.ts';
import { AlarmBoard } from './alarm-board.ts';
import { Console } from './console.ts';
import { ContentStore } from './content-store.ts';
import { ProgressDashboard } from './dashboard.ts';
import { OwnMetrics } from './metrics.ts';
import { COST_TAG, Notices } from './notices.ts';
import { PeopleAccess } from './people-access.ts';
import { Pruning } from './pruning.ts';
import { Sender } from './sender.ts';
import type { Settings } from './settings.ts';
import { Signals } from './signals.ts';
import { SigningKey } from './signing-key.ts';
import { SyncFunctions } from './sync-functions.ts';
import { SyncWorkflow } from './sync-workflow.ts';

/** The picture in docs/design.md, as AWS has it. */
export class LockstepStack extends Stack {
  readonly hasConsole: boolean;

  constructor(scope: Construct, settings: Settings, props?: StackProps) {
    super(scope, settings.stackName, {
      description: 'Lockstep: keeps the servers of a fleet in lockstep',
      terminationProtection: !settings.disposable,
      ...props,
    });

    const store = new ContentStore(this, 'Store', settings);
    const signingKey = new SigningKey(this, 'SigningKey', settings);
    const sender = new Sender(this, 'Sender', settings);

    const functions = new SyncFunctions(this, 'Functions', { store, signingKey, sender, settings });
    const workflow = new SyncWorkflow(this, 'Workflow', { store, functions, settings });
    const console = this.#createConsole(functions, settings);
    this.hasConsole = console !== undefined;
    const signals = new Signals(this, 'Signals', { store, functions, stateMachine: workflow.stateMachine });
    const pruning = new Pruning(this, 'Pruning', { prune: functions.all.prune, settings });

    new AgentAccess(this, 'Agents', { store, settings });
    new PeopleAccess(this, 'People', { store, signingKey });

    const { topic } = new Notices(this, 'Notices', { dataKey: store.dataKey, settings });
    const own = new OwnMetrics(this.stackName);
    const watched = { console, functions, own, pruning, signals, workflow };
    const board = new AlarmBoard(this, 'Alarms', { ...watched, topic, runbook: settings.runbook });
    new ProgressDashboard(this, 'Progress', { ...watched, board });

    // For agents and people: a bucket of that name in another account is refused.
    new CfnOutput(this, 'StoreUrl', { value: `s3://${store.bucket.bucketName}?owner=${this.account}` });
    new CfnOutput(this, 'SigningKeyArn', { value: signingKey.key.keyArn });
    // Which of them a dashboard takes depends on the region; it costs next to nothing.
    const tagging = { excludeResourceTypes: ['AWS::CloudWatch::Dashboard'] };
    const tags = { ...settings.tags, [COST_TAG]: this.stackName };
    for (const [name, value] of Object.entries(tags)) Tags.of(this).add(name, value, tagging);
    // The CDK says that a function waits for its role, which CloudFormation knows already.
    this.templateOptions.metadata = { 'cfn-lint': { config: { ignore_checks: ['W3005'] } } };
  }
  #createConsole(functions: SyncFunctions, settings: Settings): Console | undefined {
    const { approval, report } = functions.all;
    if (functions.console === undefined) return undefined;
    const console = new Console(this, 'Console', { serves: functions.console, mails: [approval, report], settings });
    const { domainTarget, secret, url } = console;
    new CfnOutput(this, 'ConsoleUrl', { value: url });
    new CfnOutput(this, 'ConsoleSecretArn', { value: secret.secretArn });
    if (domainTarget !== undefined) new CfnOutput(this, 'ConsoleDomainTarget', { value: domainTarget });
    return console;
  }
}
