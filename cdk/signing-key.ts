import { RemovalPolicy } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';

/** Signs plans and orders. Agents pin its public half, so it is never rotated: a new key means enrolling anew. */
export class SigningKey extends Construct {
  readonly key: Key;

  constructor(scope: Construct, id: string, { disposable }: Pick<Settings, 'disposable'>) {
    super(scope, id);
    this.key = new Key(this, 'Key', {
      description: 'Signs plans and orders; agents obey nothing else',
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      removalPolicy: disposable ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    });
  }

  /** Whoever verifies needs the public half only. */
  allowReading(role: IRole): void {
    role.addToPrincipalPolicy(this.#allow('kms:GetPublicKey'));
  }

  allowSigning(role: IRole): void {
    const conditions = { StringEquals: { 'kms:SigningAlgorithm': 'ECDSA_SHA_256' } };
    role.addToPrincipalPolicy(new PolicyStatement({ actions: ['kms:Sign'], resources: [this.key.keyArn], conditions }));
  }

  #allow(action: string): PolicyStatement {
    return new PolicyStatement({ actions: [action], resources: [this.key.keyArn] });
  }
}
