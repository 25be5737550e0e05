import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { AssetHashType, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type FunctionName, LAMBDA_FUNCTIONS } from '#build/lambda-bundle.ts';
import { METRICS_NAMESPACE } from '#core/metrics.ts';
import type { ContentStore } from './content-store.ts';
import { FUNCTION_NEEDS, type FunctionNeeds } from './function-needs.ts';
import { logRetention } from './log-retention.ts';
import type { Sender } from './sender.ts';
import type { Settings } from './settings.ts';
import type { SigningKey } from './signing-key.ts';

interface SyncFunctionsProps {
  readonly store: ContentStore;
  readonly signingKey: SigningKey;
  readonly sender: Sender;
  readonly settings: Settings;
}

/** The functions of the workflow and around it, each with a role of its own. */
export class SyncFunctions extends Construct {
  readonly all: Readonly<Record<Exclude<FunctionName, 'console' | 'hold'>, LambdaFunction>>;
  /** There where something is to be held. */
  readonly hold: LambdaFunction | undefined;
  /** There where people can sign in. */
  readonly console: LambdaFunction | undefined;
  /** All that are there. */
  readonly every: readonly LambdaFunction[];
  readonly #props: SyncFunctionsProps;

  constructor(scope: Construct, id: string, props: SyncFunctionsProps) {
    super(scope, id);
    this.#props = props;
    const { console, hold, ...needs } = FUNCTION_NEEDS;
    const made = Object.entries(needs).map(([name, one]) => [name, this.#create(name as FunctionName, one)]);
    this.all = Object.fromEntries(made) as SyncFunctions['all'];
    if (props.settings.objectLock !== 'none') this.hold = this.#create('hold', hold);
    if (props.settings.console?.oidc !== undefined) this.console = this.#create('console', console);
    const more = [this.hold, this.console].filter((one) => one !== undefined);
    this.every = [...Object.values(this.all), ...more];
  }

  /** From functions/NAME/handler.ts. */
  #create(name: FunctionName, needs: FunctionNeeds): LambdaFunction {
    const { settings, store } = this.#props;
    const title = capitalized(name);
    const logGroup = new LogGroup(this, `${title}Log`, {
      retention: logRetention(settings.logDays),
      removalPolicy: settings.disposable ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    });
    return new LambdaFunction(this, title, {
      description: `Lockstep: ${name}`,
      code: codeOf(name),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      // A fifth cheaper for the same work, and nothing here is compiled for one processor.
      architecture: Architecture.ARM_64,
      memorySize: LAMBDA_FUNCTIONS[name].memory,
      timeout: Duration.seconds(needs.seconds),
      ...(settings.reserveConcurrency && needs.reserved && { reservedConcurrentExecutions: needs.reserved }),
      role: this.#createRole(name, needs, logGroup),
      logGroup,
      tracing: Tracing.ACTIVE,
      environment: {
        LOCKSTEP_STORE: `s3://${store.bucket.bucketName}`,
        ...this.#environmentOf(needs),
        POWERTOOLS_SERVICE_NAME: Stack.of(this).stackName,
        POWERTOOLS_METRICS_NAMESPACE: METRICS_NAMESPACE,
        LOG_LEVEL: settings.logLevel,
      },
    });
  }

  #environmentOf({ holds, key, mails }: FunctionNeeds): Record<string, string> {
    const { sender, settings, signingKey } = this.#props;
    return {
      ...(holds !== undefined && {
        LOCKSTEP_HOLD_MODE: settings.objectLock.toUpperCase(),
        LOCKSTEP_HOLD_DAYS: String(settings.objectLockDays),
      }),
      ...(key !== undefined && { LOCKSTEP_SIGNING_KEY: signingKey.key.keyArn }),
      ...(mails && { LOCKSTEP_MAIL_FROM: sender.address }),
    };
  }

  /** Not AWS's managed policy, which lets a function write into any log. */
  #createRole(name: string, needs: FunctionNeeds, logGroup: LogGroup): Role {
    const { sender, signingKey, store } = this.#props;
    const role = new Role(this, `${capitalized(name)}Role`, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What the function ${name} of ${Stack.of(this).stackName} may do`,
    });
    const actions = ['logs:CreateLogStream', 'logs:PutLogEvents'];
    role.addToPrincipalPolicy(new PolicyStatement({ actions, resources: [logGroup.logGroupArn] }));
    for (const statement of store.statements(needs)) role.addToPrincipalPolicy(statement);
    if (needs.key !== undefined) signingKey.allowReading(role);
    if (needs.key === 'signs') signingKey.allowSigning(role);
    if (needs.mails) role.addToPrincipalPolicy(sender.statement);
    return role;
  }
}

const ROOT = resolve(import.meta.dirname, '..');

/** In a process of its own: the CDK waits for no promise. */
function codeOf(name: FunctionName): Code {
  const command = [process.execPath, 'build/bundle-lambda.ts', name];
  const [program, ...args] = command;
  return Code.fromAsset(ROOT, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // By these the CDK tells one from another.
      command,
      // For machines without Node, of which there are none here.
      image: Runtime.NODEJS_24_X.bundlingImage,
      local: {
        tryBundle: (folder) => {
          execFileSync(program ?? '', [...args, folder], { cwd: ROOT, stdio: ['ignore', process.stderr, 'inherit'] });
          return true;
        },
      },
    },
  });
}

export function capitalized(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
