import { Stack } from 'aws-cdk-lib';
import { AlarmStatusWidget, Dashboard, GraphWidget, type IWidget, SingleValueWidget } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { AlarmBoard, AlarmBoardProps } from './alarm-board.ts';
import type { Console } from './console.ts';

interface ProgressDashboardProps
  extends Pick<AlarmBoardProps, 'console' | 'functions' | 'own' | 'signals' | 'workflow'> {
  readonly board: AlarmBoard;
}

/** What the fleet is doing, from the request of a sync to its verdict; what is wrong stands at the top. */
export class ProgressDashboard extends Construct {
  constructor(scope: Construct, id: string, props: ProgressDashboardProps) {
    super(scope, id);
    new Dashboard(this, 'Dashboard', {
      dashboardName: Stack.of(this).stackName,
      widgets: rows(props),
    });
  }
}

function rows({ board, console, functions, own, signals, workflow }: ProgressDashboardProps): IWidget[][] {
  const all = functions.every;
  const { stateMachine } = workflow;
  return [
    [new AlarmStatusWidget({ title: 'Alarms', alarms: [...board.alarms], width: 24, height: 3 })],
    [
      new SingleValueWidget({
        title: 'Syncs, in the time shown',
        metrics: [own.sum('SyncsStarted', 'asked for'), own.ofAllVerdicts('SyncsEnded', 'ended')],
        setPeriodToTimeRange: true,
        width: 6,
      }),
      new SingleValueWidget({
        title: 'Bytes, in the time shown',
        metrics: [own.sum('BytesPlanned', 'planned'), own.sum('BytesTransferred', 'transferred')],
        setPeriodToTimeRange: true,
        width: 6,
      }),
      new SingleValueWidget({
        title: 'People and servers',
        metrics: [own.sum('ApprovalsRequested', 'approvals asked for'), own.sum('OfflineServers', 'servers offline')],
        setPeriodToTimeRange: true,
        width: 12,
      }),
    ],
    [
      graph('Syncs by verdict', [own.byVerdict('SyncsEnded')]),
      graph('Destinations by verdict', [own.byVerdict('DestinationVerdicts')]),
      graph('Waves applied', [own.sum('WavesApplied')]),
    ],
    [
      graph('Bytes', [own.sum('BytesPlanned'), own.sum('BytesTransferred')]),
      graph('Servers offline, signals refused', [own.sum('OfflineServers'), own.sum('SignalsRefused')]),
      graph('Executions', [
        stateMachine.metricStarted(),
        stateMachine.metricSucceeded(),
        stateMachine.metricFailed(),
        stateMachine.metricThrottled(),
      ]),
    ],
    [
      graph(
        'Errors of functions',
        all.map((one) => one.metricErrors()),
      ),
      graph(
        'Slowest calls',
        all.map((one) => one.metricDuration({ statistic: 'Maximum' })),
      ),
      graph('Signals waiting', [
        signals.answers.metricApproximateNumberOfMessagesVisible(),
        signals.answers.metricApproximateAgeOfOldestMessage(),
      ]),
    ],
    ...(console === undefined ? [] : [consoleRow(console)]),
  ];
}

function consoleRow({ api }: Console): IWidget[] {
  return [
    graph('Requests of the console', [api.metricCount({ statistic: 'Sum' })]),
    graph('Refusals and errors of the console', [
      api.metricClientError({ statistic: 'Sum' }),
      api.metricServerError({ statistic: 'Sum' }),
    ]),
    graph('Time until the console answers', [
      api.metricLatency({ statistic: 'p50' }),
      api.metricLatency({ statistic: 'p99' }),
    ]),
  ];
}

function graph(title: string, left: NonNullable<ConstructorParameters<typeof GraphWidget>[0]['left']>): GraphWidget {
  return new GraphWidget({ title, left, width: 8, height: 6 });
}
