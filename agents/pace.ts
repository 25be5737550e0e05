/** Seconds between what an agent does by the clock, unless told otherwise. */
export const PACE = {
  /** Two looks for an order. */
  pollSeconds: 5,
  /** Two words while idle. */
  statusSeconds: 10,
  /** Two looks whether the store shows what this agent has written. */
  readBackSeconds: 300,
} as const;
