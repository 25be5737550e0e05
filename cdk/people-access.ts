import { CfnOutput, Stack } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { keys } from '#core/keys.ts';
import type { ContentStore, StoreAccess } from './content-store.ts';
import type { SigningKey } from './signing-key.ts';

interface PeopleAccessProps {
  readonly store: ContentStore;
  readonly signingKey: SigningKey;
}

/** `lockstep status`, `watch`, `history`: all but content, tokens and what is only the control plane's. */
const LOOKS: StoreAccess = {
  reads: ['fleet', 'controlKey', 'servers', 'syncs'],
  // The votes of a sync are below it, too.
  lists: [keys.syncs()],
};

/**
 * Policies for roles that people have already, in IAM Identity Center or elsewhere. A person who may ask and one who may
 * approve should be two: whoever holds both policies is his own second pair of eyes.
 */
export class PeopleAccess extends Construct {
  constructor(scope: Construct, id: string, { signingKey, store }: PeopleAccessProps) {
    super(scope, id);
    const policies = {
      // lockstep sync, plan, rollback, verify. No states:StartExecution: the record of the execution starts it.
      Operators: {
        description: 'Ask for syncs and follow them',
        statements: store.statements({ ...LOOKS, writes: ['requests', 'executions', 'cancellations'] }),
      },
      // lockstep approve, reject.
      Approvers: {
        description: 'Decide on syncs and follow them',
        statements: store.statements({ ...LOOKS, writes: ['votes', 'decisions'] }),
      },
      // lockstep push.
      FleetManagers: {
        description: 'Say which servers there are, and which key agents have to trust',
        statements: [
          ...store.statements({ reads: ['fleet', 'controlKey'], writes: ['fleet', 'controlKey'] }),
          new PolicyStatement({ actions: ['kms:GetPublicKey'], resources: [signingKey.key.keyArn] }),
        ],
      },
    };
    for (const [name, { description, statements }] of Object.entries(policies)) {
      const policy = new ManagedPolicy(this, name, {
        description: `${Stack.of(this).stackName}: ${description}`,
        statements,
      });
      new CfnOutput(this, `${name}Arn`, { value: policy.managedPolicyArn });
    }
  }
}
