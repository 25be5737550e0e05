import { resolve } from 'node:path';
import { Arn, ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { ContentStore } from './content-store.ts';
import { FUNCTION_NEEDS, type FunctionNeeds } from './function-needs.ts';
import { logRetention } from './log-retention.ts';
import type { Settings } from './settings.ts';
import { capitalized, type SyncFunctions } from './sync-functions.ts';

interface SyncWorkflowProps {
  readonly store: ContentStore;
  readonly functions: SyncFunctions;
  readonly settings: Settings;
}

/** What the definition calls the functions. */
const STEPS = ['inventory', 'plan', 'approval', 'apply', 'report'] as const;

/** functions/sync.asl.json, as it is. One execution is one sync. */
export class SyncWorkflow extends Construct {
  readonly stateMachine: StateMachine;
  readonly #role: Role;

  constructor(scope: Construct, id: string, props: SyncWorkflowProps) {
    super(scope, id);
    const { functions, settings, store } = props;
    this.#role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('states.amazonaws.com'),
      description: `What the workflow of ${Stack.of(this).stackName} may do`,
    });
    const invoked = STEPS.map((name) => functions.all[name].functionArn);
    this.#role.addToPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: invoked }));
    // Who is in a Map stands in the store.
    const items = store.statements({ reads: ['inventoryItems', 'planBatches', 'waves'] });
    for (const statement of items) this.#role.addToPolicy(statement);

    const called = STEPS.map((name) => [`${capitalized(name)}Function`, functions.all[name].functionArn]);
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      comment: 'One sync: take stock, plan, approve, apply in waves, report',
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromFile(resolve(import.meta.dirname, '../functions/sync.asl.json')),
      definitionSubstitutions: { StoreBucket: store.bucket.bucketName, ...Object.fromEntries(called) },
      role: this.#role,
      tracingEnabled: true,
      logs: {
        destination: new LogGroup(this, 'Log', {
          retention: logRetention(settings.logDays),
          removalPolicy: settings.disposable ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
        }),
        level: LogLevel.ALL,
        // The data of a task is its token.
        includeExecutionData: false,
      },
    });
    this.#allowMaps();
    this.#allowAnswers(functions);
  }

  /**
   * A distributed Map starts its items as executions of this workflow. In policies of their own: the workflow waits for
   * its role's first policy, and these wait for the workflow.
   */
  #allowMaps(): void {
    const { stateMachineArn, stateMachineName } = this.stateMachine;
    const children = Arn.format(
      {
        service: 'states',
        resource: 'execution',
        resourceName: `${stateMachineName}/*`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      },
      Stack.of(this),
    );
    new Policy(this, 'Maps', {
      roles: [this.#role],
      statements: [
        new PolicyStatement({ actions: ['states:StartExecution'], resources: [stateMachineArn] }),
        new PolicyStatement({ actions: ['states:DescribeExecution', 'states:StopExecution'], resources: [children] }),
      ],
    });
  }

  /** The signal function, and each step by itself for what was answered before it was repeated. */
  #allowAnswers({ all }: SyncFunctions): void {
    const { stateMachineArn } = this.stateMachine;
    // The items of a Map run as `NAME/LABEL`.
    const resources = [stateMachineArn, `${stateMachineArn}/*`];
    for (const [name, { role }] of Object.entries(all)) {
      const { answers }: FunctionNeeds = FUNCTION_NEEDS[name as keyof typeof all];
      if (answers === undefined || role === undefined) continue;
      const actions = answers.map((kind) => `states:SendTask${kind}`);
      const statements = [new PolicyStatement({ actions, resources })];
      new Policy(this, `${capitalized(name)}Answers`, { roles: [role], statements });
    }
  }
}
