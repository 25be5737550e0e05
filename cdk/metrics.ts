import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { METRICS, METRICS_NAMESPACE, type MetricName } from '#core/metrics.ts';

type ByVerdict = { [M in MetricName]: (typeof METRICS)[M] extends { readonly by: 'verdict' } ? M : never }[MetricName];

/** What the functions of one stack count themselves, in log lines that CloudWatch reads metrics from. */
export class OwnMetrics {
  readonly #service: string;

  /** The service is the stack: several of them in one account are told apart by it. */
  constructor(service: string) {
    this.#service = service;
  }

  sum(metricName: Exclude<MetricName, ByVerdict>, label: string = metricName): Metric {
    return new Metric({
      namespace: METRICS_NAMESPACE,
      metricName,
      label,
      dimensionsMap: { service: this.#service },
      statistic: 'Sum',
      period: Duration.minutes(5),
    });
  }

  /** One line per verdict that there has been; which ones these are, CloudWatch finds out. */
  byVerdict(metricName: ByVerdict): MathExpression {
    return this.#search(this.#expression(metricName), '');
  }

  ofAllVerdicts(metricName: ByVerdict, label: string): MathExpression {
    return this.#search(`SUM(${this.#expression(metricName)})`, label);
  }

  #expression(metricName: ByVerdict): string {
    const { by } = METRICS[metricName];
    const filter = `MetricName="${metricName}" service="${this.#service}"`;
    return `SEARCH('{${METRICS_NAMESPACE},service,${by}} ${filter}', 'Sum', 300)`;
  }

  #search(expression: string, label: string): MathExpression {
    return new MathExpression({ expression, usingMetrics: {}, label, period: Duration.minutes(5) });
  }
}
