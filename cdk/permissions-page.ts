import { type Condition, isOpen, type Permission } from './permission-table.ts';

/** docs/permissions.md, of all statements that the stack makes. */
export function permissionsPage(permissions: readonly Permission[]): string {
  const callers = permissions.filter(({ stands }) => stands === 'with the caller');
  const resources = permissions.filter(({ stands }) => stands === 'with the resource');
  return [
    ...INTRODUCTION,
    '## What a caller may do',
    '',
    ...[...Map.groupBy(callers, ({ who }) => who)].flatMap(([who, theirs]) => section(who, theirs, CALLER_COLUMNS)),
    '## What a resource lets in, and refuses',
    '',
    'To be let in by an account is not enough for who is of it: the caller needs a policy of his own, above.',
    '',
    ...[...Map.groupBy(resources, ownerOf)].flatMap(([owner, its]) => section(owner, its, RESOURCE_COLUMNS)),
  ].join('\n');
}

const INTRODUCTION = [
  '# Permissions',
  '',
  'Every statement of every policy of the stack in `cdk/`, with Object Lock and the console switched on, one line for',
  'each resource. Written by `npm run permissions`; a test compares it with the template, and fails on a `*` or `?` for',
  'which `cdk/` gives no reason.',
  '',
  'An agent is `{OU}/{CN}`: site and name of the server that its certificate is made out to, as principal tags',
  '(`aws:PrincipalTag/x509Subject/OU` and `…/CN`) of the session that IAM Roles Anywhere gives it. `{Region}` and the like',
  'are filled in by CloudFormation; other names are those of the constructs.',
  '',
];

type Columns = Readonly<Record<string, (permission: Permission) => string>>;

const CALLER_COLUMNS: Columns = {
  actions: ({ actions, effect }) => `${effect === 'Deny' ? '**never** ' : ''}${actions.map(code).join(' ')}`,
  on: ({ resource }) => code(resource),
  'only if': ({ conditions }) => conditions.map(describe).join(', '),
  'open because': (permission) => because(permission),
};

const RESOURCE_COLUMNS: Columns = {
  who: ({ effect, who }) => (effect === 'Deny' ? `${who}: **never**` : who),
  actions: ({ actions }) => actions.map(code).join(' '),
  on: ({ resource }) => code(resource),
  'only if': ({ conditions }) => conditions.map(describe).join(', '),
  'open because': (permission) => because(permission),
};

function section(title: string, permissions: readonly Permission[], columns: Columns): string[] {
  const names = Object.keys(columns);
  const rows = permissions.map((one) => Object.values(columns).map((cell) => cell(one)));
  return [`### ${title}`, '', line(names), line(names.map(() => '---')), ...new Set(rows.map(line)), ''];
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text.replaceAll(/\$\{aws:PrincipalTag\/x509Subject\/(\w+)\}/g, '{$1}')}\``;
}

function describe({ key, operator, values }: Condition): string {
  return code(`${operator} ${key} = ${values.join(', ')}`);
}

function because(permission: Permission): string {
  return isOpen(permission) ? (permission.because ?? '**no reason is given**') : '';
}

/** `StoreBucket` of `StoreBucket/packs/*`; all roles together, for of each there is only who may take it. */
function ownerOf({ actions, resource }: Permission): string {
  return actions.includes('sts:AssumeRole') ? 'Who may take a role' : (resource.split('/')[0] ?? resource);
}
