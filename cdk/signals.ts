import { Duration, Validations } from 'aws-cdk-lib';
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { ContentStore } from './content-store.ts';
import { HELD, STORE_KEYS, type StoreKey } from './store-keys.ts';
import type { SyncFunctions } from './sync-functions.ts';

interface SignalsProps {
  readonly store: ContentStore;
  readonly functions: SyncFunctions;
  readonly stateMachine: IStateMachine;
}

/** What is written into the store wakes somebody: an answer the task that waits, the record of an execution the workflow. */
export class Signals extends Construct {
  readonly answers: Queue;
  /** What failed again and again, or could not be delivered. */
  readonly lost: { readonly signals: Queue; readonly starts: Queue };

  constructor(scope: Construct, id: string, { functions, stateMachine, store }: SignalsProps) {
    super(scope, id);
    const { signal, start } = functions.all;
    this.lost = { signals: createLostQueue(this, 'LostSignals'), starts: createLostQueue(this, 'LostStarts') };

    this.answers = this.#bring('Answers', {
      description: 'Answers and signs of life of agents, decisions of people',
      eventPattern: createdAt(store, ['receipts', 'progress', 'decisions', 'cancellations']),
      lost: this.lost.signals,
      to: signal,
    });
    // Through a function, for an execution is named after its sync: a second event, or a second record, starts nothing.
    // A rule could start the workflow itself, but cannot name what it starts.
    this.#bring('Requests', {
      description: 'Syncs that somebody has asked for',
      eventPattern: createdAt(store, ['executions']),
      lost: this.lost.starts,
      to: start,
    });
    if (functions.hold !== undefined) {
      this.#bring('Records', {
        description: 'What an audit rests on, to be held',
        eventPattern: createdAt(store, HELD),
        lost: this.lost.signals,
        to: functions.hold,
      });
    }
    const { stateMachineArn } = stateMachine;
    start.addEnvironment('LOCKSTEP_STATE_MACHINE', stateMachineArn);
    start.addToRolePolicy(new PolicyStatement({ actions: ['states:StartExecution'], resources: [stateMachineArn] }));
  }

  /** By a queue: a function that fails, or is throttled, sees the event again, and alone among those of its batch. */
  #bring(name: string, { description, eventPattern, lost, to }: Delivery): Queue {
    const queue = createQueue(this, name, {
      // Six times what the function may take, as AWS advises: a message that is at work must not come again.
      visibilityTimeout: Duration.seconds(360),
      deadLetterQueue: { queue: lost, maxReceiveCount: 5 },
    });
    const targets = [new SqsQueue(queue, { deadLetterQueue: lost })];
    new Rule(this, `${name}Written`, { description, eventPattern, targets });
    // Below what is reserved for the signal function, lest calls of the queue be throttled.
    const source = new SqsEventSource(queue, { batchSize: 10, reportBatchItemFailures: true, maxConcurrency: 40 });
    to.addEventSource(source);
    return queue;
  }
}

interface Delivery {
  readonly description: string;
  readonly eventPattern: EventPattern;
  readonly lost: Queue;
  readonly to: IFunction;
}

function createdAt({ bucket }: ContentStore, names: readonly StoreKey[]): EventPattern {
  return {
    source: ['aws.s3'],
    detailType: ['Object Created'],
    detail: {
      bucket: { name: [bucket.bucketName] },
      object: { key: names.map((name) => ({ wildcard: STORE_KEYS[name].pattern })) },
    },
  };
}

/** Where what could not be delivered waits for a person. */
export function createLostQueue(scope: Construct, id: string): Queue {
  const queue = createQueue(scope, id);
  Validations.of(queue).acknowledge({
    id: 'AwsSolutions-SQS3',
    reason: 'This is a dead-letter queue: of a rule, a schedule or another queue, and the alarm on it calls a person.',
  });
  return queue;
}

/** Keys of objects are in it, and no more than that: SQS's own encryption will do, and needs no grant to EventBridge. */
function createQueue(scope: Construct, id: string, more: Partial<ConstructorParameters<typeof Queue>[2]> = {}): Queue {
  return new Queue(scope, id, {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
    ...more,
  });
}
