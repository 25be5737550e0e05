/** What the functions count and the dashboard shows; in CloudWatch, of the one namespace, by service. */
export const METRICS_NAMESPACE = 'Lockstep';

/** Those of `verdict` have that as a second dimension. Counted once per event that is told, which may be more than once. */
export const METRICS = {
  SyncsStarted: { unit: 'Count' },
  SyncsEnded: { unit: 'Count', by: 'verdict' },
  DestinationVerdicts: { unit: 'Count', by: 'verdict' },
  WavesApplied: { unit: 'Count' },
  BytesPlanned: { unit: 'Bytes' },
  BytesTransferred: { unit: 'Bytes' },
  OfflineServers: { unit: 'Count' },
  ApprovalsRequested: { unit: 'Count' },
  SignalsRefused: { unit: 'Count' },
} as const;

export type MetricName = keyof typeof METRICS;
