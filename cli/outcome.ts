/** What a command came to; printed once, by the terminal. */
export interface CommandOutcome {
  readonly exitStatus: ExitStatus;
  /** The one document of --json. */
  readonly document: unknown;
  /** For people; empty when all was said on the way. */
  readonly text: string;
}

/** 0 in sync, succeeded or verified; 1 failed, halted, rolled back or drifted; 2 usage or bad input; 3 refused, rejected, expired or stale. */
export type ExitStatus = 0 | 1 | 2 | 3;
