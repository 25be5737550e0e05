import { CfnResource, type Stack, Validations } from 'aws-cdk-lib';
import { rules } from 'cdk-nag';
import { isOpen, type Permission, readPermissions, type Template, type TemplateResource } from './permission-table.ts';

/**
 * cdk-nag wants a reason for each wildcard of each policy: it gets those of wildcard-reasons.ts, which the page of
 * permissions shows as well. A finding that they do not explain stays a finding. Gives the number of the others.
 */
export function acknowledgeWildcards(stack: Stack): number {
  let acknowledged = 0;
  for (const construct of stack.node.findAll()) {
    if (!CfnResource.isCfnResource(construct)) continue;
    const found = rules.iam.IAMNoWildcardPermissions(construct);
    if (!Array.isArray(found)) continue;
    const open = openPermissions(stack, construct);
    for (const finding of found) {
      const reasons = open.filter((one) => isAbout(finding, one)).map(({ because }) => because);
      const [reason] = reasons;
      if (reason === undefined || reasons.includes(undefined)) continue;
      acknowledged++;
      Validations.of(construct).acknowledge({ id: `AwsSolutions-IAM5[${finding}]`, reason });
    }
  }
  return acknowledged;
}

function openPermissions(stack: Stack, construct: CfnResource): Permission[] {
  const { Resources } = stack.resolve(construct._toCloudFormation()) as Template;
  const [resource] = Object.values(Resources) as TemplateResource[];
  return resource === undefined ? [] : readPermissions({ Resources: { Policy: resource } }).filter(isOpen);
}

/** A finding names `Action::kms:*`, or `Resource::<StoreBucket01234567.Arn>/packs/*`. */
function isAbout(finding: string, { actions, resource }: Permission): boolean {
  const [, kind, text = ''] = /^(Action|Resource)::(.*)$/.exec(finding) ?? [];
  if (kind === 'Action') return actions.includes(text);
  const named = text
    .replaceAll(/<([A-Za-z]+?)([0-9A-F]{8})?(\.\w+)?>/g, '$1')
    .replaceAll(/<AWS::(\w+)>/g, '{$1}')
    .replaceAll(/<(aws:[^>]+)>/g, `\${$1}`);
  return named === resource;
}
