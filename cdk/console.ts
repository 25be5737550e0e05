import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { AccessLogField, AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { DomainName, HttpApi, LogGroupLogDestination, SecurityPolicy } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { logRetention } from './log-retention.ts';
import type { Settings } from './settings.ts';

interface ConsoleProps {
  /** From functions/console/handler.ts. */
  readonly serves: LambdaFunction;
  /** Those whose mails lead to it. */
  readonly mails: readonly LambdaFunction[];
  readonly settings: Settings;
}

/** The way from a browser to the console: an HTTP API, for the reasons in docs/decisions/0008. */
export class Console extends Construct {
  readonly api: HttpApi;
  readonly url: string;
  readonly secret: ISecret;
  /** What a CNAME or alias record of its name has to point to; `undefined` where it has none of its own. */
  readonly domainTarget: string | undefined;

  constructor(scope: Construct, id: string, { mails, serves, settings }: ConsoleProps) {
    super(scope, id);
    const domain = this.#createDomain(settings);
    this.api = new HttpApi(this, 'Api', {
      apiName: `${Stack.of(this).stackName}-console`,
      description: 'The console of Lockstep, and its API',
      createDefaultStage: false,
      defaultIntegration: new HttpLambdaIntegration('Serves', serves),
      // Two addresses would be two origins: whoever is signed in at one is nobody at the other.
      disableExecuteApiEndpoint: domain !== undefined,
    });
    Validations.of(this.api).acknowledge({
      id: 'AwsSolutions-APIG4',
      reason:
        'People sign in at the console itself, and programs bring its tokens; a browser brings neither to an authorizer.',
    });
    this.#createStage(settings, domain);
    this.url = settings.consoleDomain === undefined ? this.api.apiEndpoint : `https://${settings.consoleDomain}`;
    for (const one of [serves, ...mails]) one.addEnvironment('LOCKSTEP_CONSOLE_URL', this.url);
    serves.addEnvironment('LOCKSTEP_CONSOLE', JSON.stringify(settings.console));
    this.secret = this.#findSecret(settings);
    const { secretArn } = this.secret;
    serves.addToRolePolicy(new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [secretArn] }));
    serves.addEnvironment('LOCKSTEP_CONSOLE_SECRET', secretArn);
    this.domainTarget = domain?.regionalDomainName;
  }

  #createStage(settings: Settings, domain: DomainName | undefined): void {
    const { consoleRequestsPerSecond: rateLimit } = settings;
    const logGroup = new LogGroup(this, 'AccessLog', {
      retention: logRetention(settings.logDays),
      removalPolicy: settings.disposable ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    });
    this.api.addStage('Stage', {
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit, burstLimit: 2 * rateLimit },
      accessLogSettings: { destination: new LogGroupLogDestination(logGroup), format: ACCESS_LOG },
      ...(domain !== undefined && { domainMapping: { domainName: domain } }),
    });
  }

  #createDomain({ consoleCertificate: certificate, consoleDomain: domain }: Settings): DomainName | undefined {
    if (domain === undefined || certificate === undefined) return undefined;
    return new DomainName(this, 'Domain', {
      domainName: domain,
      certificate: Certificate.fromCertificateArn(this, 'Certificate', certificate),
      securityPolicy: SecurityPolicy.TLS_1_2,
    });
  }

  #findSecret({ consoleSecret: secret }: Settings): ISecret {
    if (secret !== undefined) return Secret.fromSecretCompleteArn(this, 'Secret', secret);
    // CDK's own types do not agree on what is undefined and what is absent.
    const made = new Secret(this, 'Secret', {
      description: 'Of the console: the secret of its client at the identity provider, and the key that seals sessions',
      generateSecretString: {
        // Empty until somebody puts in what the identity provider gave out: the console then says what it lacks.
        secretStringTemplate: JSON.stringify({ clientSecret: '' }),
        generateStringKey: 'sessionKey',
        passwordLength: 64,
        excludePunctuation: true,
      },
    });
    Validations.of(made).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason:
        'The identity provider gives out what is in it: a person changes it there and here, as docs/deploy.md says.',
    });
    return made as ISecret;
  }
}

/** No query: that of a sign-in holds a code. No cookie, no user agent. */
const ACCESS_LOG = AccessLogFormat.custom(
  JSON.stringify({
    at: AccessLogField.contextRequestTimeEpoch(),
    id: AccessLogField.contextRequestId(),
    from: AccessLogField.contextIdentitySourceIp(),
    method: AccessLogField.contextHttpMethod(),
    path: AccessLogField.contextPath(),
    status: AccessLogField.contextStatus(),
    bytes: AccessLogField.contextResponseLength(),
    milliseconds: AccessLogField.contextResponseLatency(),
    problem: AccessLogField.contextIntegrationErrorMessage(),
  }),
);
