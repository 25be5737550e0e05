import { Duration, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Schedule, ScheduleExpression, ScheduleTargetInput, TimeWindow } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Settings } from './settings.ts';
import { createLostQueue } from './signals.ts';

interface PruningProps {
  readonly prune: IFunction;
  readonly settings: Pick<Settings, 'pruneGraceDays' | 'pruneKeep' | 'pruneKeepDays' | 'pruneSchedule'>;
}

/** The sweep of the store, by the clock. Nobody else in this stack may remove content. */
export class Pruning extends Construct {
  readonly lost: Queue;

  constructor(scope: Construct, id: string, { prune, settings }: PruningProps) {
    super(scope, id);
    this.lost = createLostQueue(this, 'LostSweeps');
    const { pruneGraceDays: graceDays, pruneKeep: keep, pruneKeepDays: keepDays } = settings;
    new Schedule(this, 'Schedule', {
      description: 'Removes content that no retained snapshot needs',
      schedule: ScheduleExpression.expression(settings.pruneSchedule),
      timeWindow: TimeWindow.flexible(Duration.minutes(15)),
      target: new LambdaInvoke(prune, {
        input: ScheduleTargetInput.fromObject({ by: 'the schedule', keep, keepDays, graceDays }),
        role: this.#createRole(),
        deadLetterQueue: this.lost,
        // A sweep that gave way or failed has lost nothing: the next one does it.
        retryAttempts: 2,
        maxEventAge: Duration.hours(2),
      }),
    });
  }

  /** For schedules of this account only. */
  #createRole(): Role {
    const conditions = { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } };
    return new Role(this, 'Role', { assumedBy: new ServicePrincipal('scheduler.amazonaws.com', { conditions }) });
  }
}
