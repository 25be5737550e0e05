import { loadProfile } from '#adapters/profile-file.ts';
import { scan } from '#agents/scan.ts';
import { WorkerPool } from '#agents/worker-pool.ts';
import { readTask, reportResult } from './task.ts';

export interface ScanTask {
  readonly root: string;
  readonly threads: number;
}

export interface ScanResult {
  /** Seconds of the scan itself, its threads not yet started, and of reading the profile. */
  readonly work: number;
  readonly files: number;
  readonly bytes: number;
}

/** Every file read and hashed, as the agent does it without any memory of earlier scans. */
async function main(): Promise<void> {
  const { root, threads } = readTask<ScanTask>();
  const started = performance.now();
  const workers = new WorkerPool(threads);
  workers.start();
  const profile = await loadProfile('generic');
  const { summary } = await scan({ root, profile, workers });
  const work = (performance.now() - started) / 1000;
  await workers.close();
  reportResult<ScanResult>({ work, files: summary.artifacts + summary.protected, bytes: summary.bytes });
}

await main();
