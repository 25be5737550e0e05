import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { Tracer } from '@aws-lambda-powertools/tracer';
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
import type { MiddlewareObj } from '@middy/core';
import { METRICS, METRICS_NAMESPACE } from '#core/metrics.ts';
import { type Measure, measuresOf } from './counted-events.ts';
import type { Log } from './dependencies.ts';

export interface Telemetry {
  readonly log: Log;
  readonly middlewares: readonly MiddlewareObj[];
}

/**
 * Log, metrics and traces of a function, by Powertools, which reads its own POWERTOOLS_ variables. Neither events nor
 * results go into any of them: an event may hold a task token. None of it answers in place of a function that failed.
 */
export function openTelemetry(): Telemetry {
  const logger = new Logger();
  const metrics = new Metrics({ namespace: METRICS_NAMESPACE });
  const tracer = new Tracer();
  return {
    log: (event, fields) => {
      logger.info(event, { ...fields });
      for (const measure of measuresOf(event, fields)) record(metrics, measure);
    },
    middlewares: [
      captureLambdaHandler(tracer, { captureResponse: false }),
      injectLambdaContext(logger, { logEvent: false, resetKeys: true }),
      logMetrics(metrics),
      nameSubject(logger, tracer),
    ] as MiddlewareObj[],
  };
}

function record(metrics: Metrics, { name, value, verdict }: Measure): void {
  const { unit } = METRICS[name];
  if (verdict === undefined) metrics.addMetric(name, unit, value);
  else metrics.singleMetric().addDimension('verdict', verdict).addMetric(name, unit, value);
}

/** Every line and trace says which sync and server it is about, and every failure is one line that does. */
function nameSubject(logger: Logger, tracer: Tracer): MiddlewareObj {
  return {
    before: ({ event }) => {
      const subject = subjectOf(event);
      logger.appendKeys(subject);
      for (const [name, value] of Object.entries(subject)) tracer.putAnnotation(name, value);
    },
    onError: ({ error }) => logger.error('function-failed', error as Error),
  };
}

/** What an event of the workflow says of itself; of the names that may be said, those that are short texts. */
function subjectOf(event: unknown): Record<string, string> {
  if (typeof event !== 'object' || event === null) return {};
  const said = Object.entries(event).filter(([name, value]) => SUBJECT.has(name) && typeof value === 'string');
  return Object.fromEntries(said.map(([name, value]) => [name, String(value).slice(0, LONGEST_NAME)]));
}

const SUBJECT = new Set(['sync', 'server', 'step', 'ending']);
const LONGEST_NAME = 200;
