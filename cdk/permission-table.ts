import { reasonFor } from './wildcard-reasons.ts';

/** One line of docs/permissions.md: a statement of a policy, for one of its resources. */
export interface Permission {
  /** Who is meant: a role, a policy for people, a service, or anybody. */
  readonly who: string;
  /** Where the statement stands: with whom it is about, or with what is used. */
  readonly stands: 'with the caller' | 'with the resource';
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resource: string;
  /** All of them have to hold, and of the values of one any. */
  readonly conditions: readonly Condition[];
  /** Why a `*` stands in it; `undefined` where none does, or nobody has said. */
  readonly because: string | undefined;
}

export interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

export interface Template {
  readonly Resources: Readonly<Record<string, TemplateResource>>;
}

export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: unknown;
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Every statement of every policy of the template, in an order that does not depend on that of the resources. */
export function readPermissions({ Resources }: Template): Permission[] {
  const read = Object.entries(Resources).flatMap(([id, resource]) => permissionsOf(nameOf(id), resource));
  return read.toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

export function isOpen({ actions, resource }: Permission): boolean {
  return resource.includes('*') || resource.includes('?') || actions.some((action) => action.includes('*'));
}

/** What CloudFormation fills in, by the names that the constructs have. */
export function render(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('Ref' in value) return nameOf(String(value.Ref));
  if ('Fn::GetAtt' in value) return nameOf(String((value['Fn::GetAtt'] as readonly unknown[])[0]));
  if ('Fn::Join' in value) {
    const [separator, parts] = value['Fn::Join'] as readonly [string, readonly unknown[]];
    return parts.map(render).join(separator);
  }
  if ('Fn::Select' in value) return `part of ${render((value['Fn::Select'] as readonly unknown[])[1])}`;
  if ('Fn::Split' in value) return render((value['Fn::Split'] as readonly unknown[])[1]);
  throw new Error(`no policy was expected to say ${JSON.stringify(value)}`);
}

function permissionsOf(name: string, { Properties: properties = {}, Type: type }: TemplateResource): Permission[] {
  switch (type) {
    case 'AWS::IAM::Policy': {
      const roles = listOf(properties.Roles).map(render);
      return roles.flatMap((role) => ofStatements(properties.PolicyDocument, { who: role }));
    }
    case 'AWS::IAM::ManagedPolicy':
      return ofStatements(properties.PolicyDocument, { who: name });
    case 'AWS::IAM::Role':
      return ofStatements(properties.AssumeRolePolicyDocument, { resource: name });
    case 'AWS::KMS::Key':
      return ofStatements(properties.KeyPolicy, { key: name });
    case 'AWS::S3::BucketPolicy':
    case 'AWS::SQS::QueuePolicy':
    case 'AWS::SNS::TopicPolicy':
      return ofStatements(properties.PolicyDocument, {});
    case 'AWS::Lambda::Permission':
      return [
        permission({
          who: render(properties.Principal),
          stands: 'with the resource',
          effect: 'Allow',
          actions: [render(properties.Action)],
          resource: render(properties.FunctionName),
          conditions: readConditions({ ArnEquals: { 'aws:SourceArn': properties.SourceArn ?? [] } }),
        }),
      ];
    default:
      return [];
  }
}

interface Place {
  /** Of a policy that stands with the caller. */
  readonly who?: string;
  /** Of the trust policy of a role. */
  readonly resource?: string;
  /** Whose policy says `*` for itself. */
  readonly key?: string;
}

function ofStatements(document: unknown, place: Place): Permission[] {
  const { Statement: statements } = document as { readonly Statement: readonly Statement[] };
  return statements.flatMap((statement) => {
    const {
      Action: action,
      Condition: condition,
      Effect: effect,
      Principal: principal,
      Resource: resource,
    } = statement;
    const resources = resource === undefined ? [place.resource ?? ''] : listOf(resource).map(render);
    const callers = place.who === undefined ? principals(principal) : [place.who];
    return callers.flatMap((who) =>
      resources.map((one) =>
        permission({
          who,
          stands: place.who === undefined ? 'with the resource' : 'with the caller',
          effect,
          actions: listOf(action).map(render).toSorted(),
          resource: one === '*' && place.key !== undefined ? place.key : one,
          conditions: readConditions(condition),
        }),
      ),
    );
  });
}

function permission(fields: Omit<Permission, 'because'>): Permission {
  return { ...fields, because: reasonFor(fields) };
}

function principals(principal: unknown): string[] {
  if (typeof principal === 'string') return [principal === '*' ? ANYBODY : principal];
  return Object.values(principal as Record<string, unknown>)
    .flatMap(listOf)
    .map(render)
    .map((who) => (who === '*' ? ANYBODY : who));
}

function readConditions(condition: Statement['Condition'] = {}): Condition[] {
  const read = Object.entries(condition).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, value]) => ({ operator, key, values: listOf(value).map(render).toSorted() })),
  );
  return read.filter(({ values }) => values.length > 0).toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** Without the eight digits that the CDK adds. */
function nameOf(logicalId: string): string {
  return logicalId.startsWith('AWS::') ? `{${logicalId.slice('AWS::'.length)}}` : logicalId.replace(/[0-9A-F]{8}$/, '');
}

function sortKey({ actions, conditions, effect, resource, stands, who }: Permission): string {
  return [stands, who, effect, resource, actions.join(), JSON.stringify(conditions)].join('\n');
}

export const ANYBODY = 'anybody';
