import { Stack } from 'aws-cdk-lib';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';

interface NoticesProps {
  readonly dataKey: Key;
  readonly settings: Pick<Settings, 'alarmMail' | 'monthlyBudget'>;
}

/** The tag that the budget counts by; it has to be activated once in the account as a cost allocation tag. */
export const COST_TAG = 'lockstep:stack';

/** Where alarms and the budget speak to the people who run this. Approvals go by SES: nobody can unsubscribe from them. */
export class Notices extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, { dataKey, settings }: NoticesProps) {
    super(scope, id);
    this.topic = new Topic(this, 'Topic', {
      displayName: `${Stack.of(this).stackName} alarms`,
      masterKey: dataKey,
      enforceSSL: true,
    });
    for (const address of settings.alarmMail) this.topic.addSubscription(new EmailSubscription(address));
    this.#letServicesWrite(dataKey);
    if (settings.monthlyBudget > 0) this.#createBudget(settings.monthlyBudget);
  }

  #letServicesWrite(dataKey: Key): void {
    const services = ['cloudwatch.amazonaws.com', 'budgets.amazonaws.com'];
    const shared = {
      principals: services.map((name) => new ServicePrincipal(name)),
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
    };
    const writes = ['kms:Decrypt', 'kms:GenerateDataKey*'];
    dataKey.addToResourcePolicy(new PolicyStatement({ ...shared, actions: writes, resources: ['*'] }));
    const { topicArn } = this.topic;
    this.topic.addToResourcePolicy(new PolicyStatement({ ...shared, actions: ['sns:Publish'], resources: [topicArn] }));
  }

  #createBudget(dollars: number): void {
    const { stackName } = Stack.of(this);
    const subscribers = [{ subscriptionType: 'SNS', address: this.topic.topicArn }];
    const notice = (notificationType: string, threshold: number) => ({
      notification: { notificationType, threshold, comparisonOperator: 'GREATER_THAN', thresholdType: 'PERCENTAGE' },
      subscribers,
    });
    new CfnBudget(this, 'Budget', {
      budget: {
        budgetName: `${stackName}-monthly`,
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: dollars, unit: 'USD' },
        costFilters: { TagKeyValue: [`user:${COST_TAG}$${stackName}`] },
      },
      notificationsWithSubscribers: [notice('ACTUAL', 80), notice('FORECASTED', 100)],
    });
  }
}
