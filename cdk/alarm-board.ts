import { Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  type Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ALARMS, type AlarmName, runbookSection } from './alarms.ts';
import type { Console } from './console.ts';
import type { OwnMetrics } from './metrics.ts';
import type { Pruning } from './pruning.ts';
import type { Signals } from './signals.ts';
import type { SyncFunctions } from './sync-functions.ts';
import type { SyncWorkflow } from './sync-workflow.ts';

export interface AlarmBoardProps {
  readonly topic: ITopic;
  readonly runbook: string;
  readonly own: OwnMetrics;
  readonly functions: SyncFunctions;
  readonly workflow: SyncWorkflow;
  readonly signals: Signals;
  readonly pruning: Pruning;
  /** Where there is one. */
  readonly console: Console | undefined;
}

interface Threshold {
  readonly metric: IMetric;
  /** The alarm goes off above it. */
  readonly above: number;
}

const FIVE_MINUTES = { period: Duration.minutes(5) };

/** One alarm for each entry of ALARMS whose subject is there; what it is about lies behind a link into the runbook. */
export class AlarmBoard extends Construct {
  readonly alarms: readonly Alarm[];

  constructor(scope: Construct, id: string, props: AlarmBoardProps) {
    super(scope, id);
    const { runbook, topic } = props;
    const action = new SnsAction(topic);
    this.alarms = listThresholds(props).map(([name, { above, metric }]) => {
      const alarm = new Alarm(this, name, {
        alarmName: `${Stack.of(this).stackName}-${name}`,
        alarmDescription: `${ALARMS[name].means}. What to do: ${runbookSection(runbook, name)}`,
        metric,
        threshold: above,
        evaluationPeriods: 1,
        comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
        // A fleet that rests writes no numbers.
        treatMissingData: TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(action);
      return alarm;
    });
  }
}

function listThresholds(props: AlarmBoardProps): [AlarmName, Threshold][] {
  const listed = Object.entries(thresholds(props)) as [AlarmName, Threshold | undefined][];
  return listed.flatMap(([name, threshold]) => (threshold === undefined ? [] : [[name, threshold]]));
}

function thresholds(props: AlarmBoardProps): Record<AlarmName, Threshold | undefined> {
  const { console, functions, own, pruning, signals, workflow } = props;
  const { stateMachine } = workflow;
  const all = functions.every;
  const waiting = (queue: IQueue) => queue.metricApproximateNumberOfMessagesVisible(FIVE_MINUTES);
  return {
    SyncNotSucceeded: { metric: stateMachine.metricFailed(FIVE_MINUTES), above: 0 },
    WorkflowBroken: {
      metric: sumOf([
        stateMachine.metricAborted(FIVE_MINUTES),
        stateMachine.metricTimedOut(FIVE_MINUTES),
        stateMachine.metricThrottled(FIVE_MINUTES),
      ]),
      above: 0,
    },
    FunctionErrors: { metric: sumOf(all.map((one) => one.metricErrors(FIVE_MINUTES))), above: 20 },
    FunctionThrottled: { metric: sumOf(all.map((one) => one.metricThrottles(FIVE_MINUTES))), above: 0 },
    PlanNearItsLimit: {
      metric: functions.all.plan.metricDuration({ ...FIVE_MINUTES, statistic: 'Maximum' }),
      above: Duration.minutes(12).toMilliseconds(),
    },
    SignalsLate: { metric: signals.answers.metricApproximateAgeOfOldestMessage(FIVE_MINUTES), above: 60 },
    SignalsLost: { metric: waiting(signals.lost.signals), above: 0 },
    StartsLost: { metric: waiting(signals.lost.starts), above: 0 },
    SweepsLost: { metric: waiting(pruning.lost), above: 0 },
    SignalsRefused: { metric: own.sum('SignalsRefused'), above: 0 },
    ConsoleFailing: console && {
      metric: console.api.metricServerError({ ...FIVE_MINUTES, statistic: 'Sum' }),
      above: 10,
    },
    ServersOffline: { metric: own.sum('OfflineServers'), above: 0 },
  };
}

/** CloudWatch takes ten metrics for one alarm. */
function sumOf(metrics: readonly Metric[]): MathExpression {
  const usingMetrics = Object.fromEntries(metrics.map((metric, index) => [`m${index}`, metric]));
  return new MathExpression({ expression: 'SUM(METRICS())', usingMetrics, ...FIVE_MINUTES });
}
