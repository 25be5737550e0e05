import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, parse, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type FunctionName, mostBundleBytes } from '#build/lambda-bundle.ts';
import { ALARMS, runbookSection } from '#cdk/alarms.ts';
import { createApp } from '#cdk/create-app.ts';
import { EVERYTHING } from '#cdk/everything.ts';
import { render } from '#cdk/permission-table.ts';
import { parseSettings } from '#cdk/settings.ts';
import { METRICS } from '#core/metrics.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { type SynthesisedStack, synthesise, synthesiseWhole } from './synthesised.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');

const OIDC = { issuer: 'https://login.example.org', 'client-id': 'lockstep', roles: {} };

let stack: SynthesisedStack;

beforeAll(() => {
  stack = synthesise({ ...EVERYTHING, 'lockstep:objectLock': 'compliance' });
});

function propertiesOf(type: string): Record<string, unknown>[] {
  return Object.values(stack.ofType(type)).map(({ Properties = {} }) => ({ ...Properties }));
}

describe('the stack', () => {
  it('names no account and no region, so that it goes anywhere', () => {
    const text = JSON.stringify(stack.template);
    expect(text.match(/\b\d{12}\b/g)).toBeNull();
    expect(text.match(/\b(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d\b/g)).toBeNull();
    expect(text.match(/"arn:aws[a-z-]*:/g)).toBeNull();
  });

  it('keeps the store: versions, encryption, no public access, parts that were cut off cleared away', () => {
    const store = propertiesOf('AWS::S3::Bucket').find(({ VersioningConfiguration }) => VersioningConfiguration);
    expect(store).toMatchObject({
      VersioningConfiguration: { Status: 'Enabled' },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          { BucketKeyEnabled: true, ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' } },
        ],
      },
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true },
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    });
    const rules = JSON.stringify(store?.LifecycleConfiguration);
    expect(rules).toContain('AbortIncompleteMultipartUpload');
    expect(rules).toContain('NoncurrentVersionExpiration');
    const kept = Object.values(stack.template.Resources).filter(({ Type }) => Type === 'AWS::S3::Bucket');
    expect(kept.map((one) => (one as { DeletionPolicy?: string }).DeletionPolicy)).toEqual(['Retain', 'Retain']);
  });

  it('holds what an audit rests on, object by object, and without Object Lock nothing', () => {
    const [store] = propertiesOf('AWS::S3::Bucket').filter(({ ObjectLockEnabled }) => ObjectLockEnabled);
    // A retention for the whole bucket would keep every status that an agent ever wrote.
    expect(store).toMatchObject({ ObjectLockEnabled: true });
    expect(store).not.toHaveProperty('ObjectLockConfiguration.Rule');
    const environment = { Variables: { LOCKSTEP_HOLD_MODE: 'COMPLIANCE', LOCKSTEP_HOLD_DAYS: '365' } };
    expect(propertiesOf('AWS::Lambda::Function')).toContainEqual(
      expect.objectContaining({ Environment: { Variables: expect.objectContaining(environment.Variables) } }),
    );
    const without = synthesise();
    expect(JSON.stringify(without.ofType('AWS::S3::Bucket'))).not.toContain('"ObjectLockEnabled":true');
    expect(JSON.stringify(without.ofType('AWS::Lambda::Function'))).not.toContain('LOCKSTEP_HOLD');
  });

  it('signs with a key of KMS on P-256', () => {
    expect(propertiesOf('AWS::KMS::Key')).toContainEqual(
      expect.objectContaining({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }),
    );
  });

  it('runs every function that has a handler on Node 24 and arm64, traced, with a log of its own that ends', () => {
    const functions = propertiesOf('AWS::Lambda::Function');
    expect(functions.map(({ Description }) => Description).toSorted()).toEqual(
      handlers().map((one) => `Lockstep: ${one}`),
    );
    for (const one of functions) {
      expect(one).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        TracingConfig: { Mode: 'Active' },
        Timeout: expect.any(Number),
        MemorySize: expect.any(Number),
      });
    }
    const logs = functions.map(({ LoggingConfig }) => render((LoggingConfig as { LogGroup: unknown }).LogGroup));
    expect(new Set(logs).size).toBe(functions.length);
    expect(propertiesOf('AWS::Logs::LogGroup').every(({ RetentionInDays }) => RetentionInDays === 90)).toBe(true);
  });

  it('runs the one definition, with everything in it filled in, and keeps task tokens out of its log', () => {
    const [machine] = propertiesOf('AWS::StepFunctions::StateMachine');
    const file = readFileSync(join(REPOSITORY, 'functions/sync.asl.json'), 'utf8');
    const asked = new Set([...file.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));
    expect(Object.keys(machine?.DefinitionSubstitutions as object).toSorted()).toEqual([...asked].toSorted());
    expect(machine).toMatchObject({
      LoggingConfiguration: { IncludeExecutionData: false, Level: 'ALL' },
      TracingConfiguration: { Enabled: true },
    });
  });

  it('has a dead-letter queue behind each queue, rule and schedule', () => {
    const rules = propertiesOf('AWS::Events::Rule').flatMap(
      ({ Targets }) => Targets as { DeadLetterConfig?: object }[],
    );
    expect(rules.map(({ DeadLetterConfig }) => DeadLetterConfig)).not.toContain(undefined);
    expect(propertiesOf('AWS::Scheduler::Schedule')).toMatchObject([{ Target: { DeadLetterConfig: {} } }]);
    expect(propertiesOf('AWS::SQS::Queue').filter(({ RedrivePolicy }) => RedrivePolicy)).toHaveLength(3);
    for (const one of propertiesOf('AWS::Lambda::EventSourceMapping')) {
      expect(one).toMatchObject({ FunctionResponseTypes: ['ReportBatchItemFailures'] });
    }
  });

  it('serves the console behind one API, throttled, with a log of who asked that holds no query', () => {
    const [api] = propertiesOf('AWS::ApiGatewayV2::Api');
    expect(api).toMatchObject({ ProtocolType: 'HTTP', DisableExecuteApiEndpoint: false });
    const [stage] = propertiesOf('AWS::ApiGatewayV2::Stage');
    expect(stage).toMatchObject({
      StageName: '$default',
      DefaultRouteSettings: { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100 },
    });
    const { Format } = z.object({ Format: z.string() }).parse(stage?.AccessLogSettings);
    expect(JSON.parse(Format)).toMatchObject({ from: '$context.identity.sourceIp', path: '$context.path' });
    expect(Format).not.toMatch(/query|cookie|header/i);
    expect(propertiesOf('AWS::ApiGatewayV2::Route').map(({ RouteKey }) => RouteKey)).toEqual(['$default']);
  });

  it('makes a secret for the console with a session key that nobody knows, and tells its functions only its name', () => {
    const [secret] = propertiesOf('AWS::SecretsManager::Secret');
    expect(secret).toMatchObject({
      GenerateSecretString: {
        GenerateStringKey: 'sessionKey',
        PasswordLength: 64,
        SecretStringTemplate: '{"clientSecret":""}',
      },
    });
    const environments = propertiesOf('AWS::Lambda::Function').map(({ Environment }) => JSON.stringify(Environment));
    expect(environments.filter((one) => one.includes('LOCKSTEP_CONSOLE_SECRET'))).toHaveLength(1);
    // The console itself, and those that send mails.
    expect(environments.filter((one) => one.includes('LOCKSTEP_CONSOLE_URL'))).toHaveLength(3);
    expect(environments.join('')).not.toMatch(/clientSecret|sessionKey|resolve:secretsmanager/);
  });

  it('shows every metric that the functions count', () => {
    const shown = JSON.stringify(propertiesOf('AWS::CloudWatch::Dashboard'));
    for (const name of Object.keys(METRICS)) expect(shown).toContain(name);
  });

  it('passes cfn-lint', async (context) => {
    const run = promisify(execFile);
    const version = await run('cfn-lint', ['--version']).catch(() => undefined);
    context.skip(version === undefined, 'cfn-lint is not on the PATH: pip install cfn-lint, then run this again');
    const { stdout } = await run('cfn-lint', ['--template', stack.file]).catch((error: { stdout: string }) => error);
    expect(stdout).toBe('');
  });
});

describe('the alarms', () => {
  it('say what they mean and lead to their section of the runbook', () => {
    const descriptions = propertiesOf('AWS::CloudWatch::Alarm').map(({ AlarmDescription }) => String(AlarmDescription));
    const expected = Object.entries(ALARMS).map(
      ([name, { means }]) => `${means}. What to do: ${runbookSection('docs/runbook.md', name as keyof typeof ALARMS)}`,
    );
    expect(descriptions.toSorted()).toEqual(expected.toSorted());
    for (const { AlarmActions } of propertiesOf('AWS::CloudWatch::Alarm')) expect(AlarmActions).toHaveLength(1);
  });

  it('have a section each in docs/runbook.md', () => {
    const runbook = readFileSync(join(REPOSITORY, 'docs/runbook.md'), 'utf8');
    const headings = [...runbook.matchAll(/^#+ +(.+?) *$/gm)].map(([, heading]) => heading);
    expect(Object.keys(ALARMS).filter((name) => !headings.includes(name))).toEqual([]);
  });
});

describe('the settings', () => {
  it.each([
    ['an unknown name', { 'lockstep:stakName': 'x' }, 'stakName'],
    ['a number out of range', { 'lockstep:agentSessionSeconds': '60' }, 'lockstep:agentSessionSeconds'],
    ['a mail address that is none', { 'lockstep:alarmMail': 'nobody' }, 'lockstep:alarmMail'],
    [
      'a console whose provider is not to be trusted',
      { 'lockstep:console': { oidc: { ...OIDC, issuer: 'http://login.example.org' } } },
      'oidc.issuer',
    ],
    ['a file that is not there', { 'lockstep:console': '/no/such/file' }, 'lockstep:console: it cannot be read'],
    [
      'a name without a certificate',
      { 'lockstep:console': { oidc: OIDC }, 'lockstep:consoleDomain': 'a.example.org' },
      'given together',
    ],
    [
      'a name for a console that is not there',
      { 'lockstep:consoleSecret': 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:a' },
      'lockstep:console',
    ],
    ['a schedule that is none', { 'lockstep:pruneSchedule': 'daily' }, 'rate(...) or cron(...)'],
  ])('refuse %s', (_, context, message) => {
    expect(() => parseSettings(context)).toThrow(message);
  });

  it('refuse days that CloudWatch does not know', () => {
    expect(() => createApp({ context: { 'lockstep:logDays': '91', 'aws:cdk:bundling-stacks': [] } })).toThrow(
      'CloudWatch knows',
    );
  });

  it('take text from the command line as well as JSON, and reach the template', async () => {
    const folder = await temporaryFolder();
    const authority = join(folder, 'ca.pem');
    writeFileSync(authority, '-----BEGIN CERTIFICATE-----\nQ0E=\n-----END CERTIFICATE-----\n');
    const changed = synthesise({
      'lockstep:stackName': 'North',
      'lockstep:agentAuthority': authority,
      'lockstep:mailFrom': 'lockstep@example.org',
      'lockstep:alarmMail': 'a@example.org, b@example.org',
      'lockstep:reserveConcurrency': 'false',
      'lockstep:monthlyBudget': '0',
      'lockstep:tags': { site: 'north' },
    });
    expect(Object.keys(changed.template.Parameters)).toEqual(['BootstrapVersion']);
    expect(JSON.stringify(changed.ofType('AWS::RolesAnywhere::TrustAnchor'))).toContain('Q0E=');
    expect(Object.keys(changed.ofType('AWS::SNS::Subscription'))).toHaveLength(2);
    expect(changed.ofType('AWS::Budgets::Budget')).toEqual({});
    expect(JSON.stringify(changed.ofType('AWS::Lambda::Function'))).not.toContain('ReservedConcurrentExecutions');
    expect(JSON.stringify(changed.ofType('AWS::Lambda::Function'))).toContain('"north"');
  });

  it('without a provider that people sign in with: no console, and nothing of it', () => {
    const without = synthesise();
    for (const type of ['AWS::ApiGatewayV2::Api', 'AWS::SecretsManager::Secret'])
      expect(without.ofType(type)).toEqual({});
    expect(JSON.stringify(without.template)).not.toMatch(
      /LOCKSTEP_CONSOLE|access-tokens\/\*\.json"\]\]\}\],"Effect":"Allow|ConsoleFailing/,
    );
    const descriptions = Object.values(without.ofType('AWS::Lambda::Function')).map(
      ({ Properties }) => Properties?.Description,
    );
    expect(descriptions).not.toContain('Lockstep: console');
  });

  it('give the console a name of its own, and a secret that is there already', async () => {
    const file = join(await temporaryFolder(), 'console.yaml');
    writeFileSync(file, 'oidc: { issuer: "https://login.example.org", client-id: own, roles: { viewer: [all] } }');
    const secret = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:own-AbCdEf';
    const named = synthesise({
      'lockstep:console': file,
      'lockstep:consoleDomain': 'lockstep.example.org',
      'lockstep:consoleCertificate': 'arn:aws:acm:eu-central-1:111122223333:certificate/one',
      'lockstep:consoleSecret': secret,
    });
    const [domain] = Object.values(named.ofType('AWS::ApiGatewayV2::DomainName'));
    expect(domain?.Properties).toMatchObject({
      DomainName: 'lockstep.example.org',
      DomainNameConfigurations: [{ SecurityPolicy: 'TLS_1_2' }],
    });
    expect(Object.values(named.ofType('AWS::ApiGatewayV2::Api'))[0]?.Properties).toMatchObject({
      DisableExecuteApiEndpoint: true,
    });
    expect(named.ofType('AWS::SecretsManager::Secret')).toEqual({});
    const functions = JSON.stringify(named.ofType('AWS::Lambda::Function'));
    expect(functions).toContain('"LOCKSTEP_CONSOLE_URL":"https://lockstep.example.org"');
    expect(functions).toContain(secret);
    expect(functions).toContain('\\"client-id\\":\\"own\\"');
  });

  it('without them: the authority of the certificates and the sender of the mails are asked for at deployment', () => {
    expect(Object.keys(stack.template.Parameters).toSorted()).toEqual([
      'AgentAuthority',
      'BootstrapVersion',
      'MailFrom',
    ]);
  });
});

describe('the bundles', () => {
  it('are small enough to start quickly, and the SDK is in each once', { timeout: 300_000 }, () => {
    const whole = synthesiseWhole();
    const functions = Object.values(whole.ofType('AWS::Lambda::Function')).map(({ Properties }) =>
      codeSchema.parse(Properties),
    );
    expect(functions).toHaveLength(handlers().length);
    for (const { Code, Description } of functions) {
      const bundle = join(whole.outdir, `asset.${parse(Code.S3Key).name}`, 'index.mjs');
      const name = Description.replace('Lockstep: ', '') as FunctionName;
      expect(statSync(bundle).size, name).toBeLessThan(mostBundleBytes(name));
      const text = readFileSync(bundle, 'utf8');
      expect(text.match(/from ?"@(aws-sdk|smithy)\//g)).toBeNull();
    }
  });
});

const codeSchema = z.object({ Code: z.object({ S3Key: z.string() }), Description: z.string() });

function handlers(): string[] {
  const folders = readdirSync(join(REPOSITORY, 'functions'), { withFileTypes: true });
  const all = folders.filter((one) => one.isDirectory()).map(({ name }) => name);
  return all.filter((name) => existsSync(join(REPOSITORY, 'functions', name, 'handler.ts'))).toSorted();
}
