import { Arn, CfnParameter, Fn, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';

/** The address that mails come from. It has to be verified in SES beforehand: that takes the domain's owner. */
export class Sender extends Construct {
  readonly address: string;
  readonly statement: PolicyStatement;

  constructor(scope: Construct, id: string, { mailFrom, mailIdentity }: Pick<Settings, 'mailFrom' | 'mailIdentity'>) {
    super(scope, id);
    const stack = Stack.of(this);
    this.address = mailFrom ?? this.#parameter();
    const identity = mailIdentity ?? domainOf(this.address);
    this.statement = new PolicyStatement({
      // SES asks for the second where a message comes ready made, as here.
      actions: ['ses:SendEmail', 'ses:SendRawEmail'],
      resources: [Arn.format({ service: 'ses', resource: 'identity', resourceName: identity }, stack)],
      conditions: { StringEquals: { 'ses:FromAddress': this.address } },
    });
  }

  #parameter(): string {
    const parameter = new CfnParameter(Stack.of(this), 'MailFrom', {
      description: 'Sender of the mails; its domain is verified in SES',
      allowedPattern: '[^@\\s]+@[^@\\s]+',
    });
    return parameter.valueAsString;
  }
}

function domainOf(address: string): string {
  return Fn.select(1, Fn.split('@', address));
}
