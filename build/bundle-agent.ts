import { cp } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { bundleProgram } from './bundle-program.ts';

export interface AgentBundle {
  readonly file: string;
  /** Of the file as it is shipped. */
  readonly bytes: number;
  /** What it would be without the AWS SDK, which an agent needs only to speak to s3://. */
  readonly bytesWithoutSdk: number;
}

/** The agent in one file; the profiles go beside it. */
export async function bundleAgent(file: string): Promise<AgentBundle> {
  const [{ metafile }, lean] = await Promise.all([
    bundleProgram(AGENT, { outfile: file, metafile: true }),
    bundleProgram(AGENT, { external: ['@aws-sdk/*', '@smithy/*'], outfile: file, write: false }),
  ]);
  await cp(join(ROOT, 'profiles'), join(dirname(file), 'profiles'), { recursive: true });
  const [output] = Object.values(metafile?.outputs ?? {});
  const [leanOutput] = lean.outputFiles ?? [];
  return { file, bytes: output?.bytes ?? 0, bytesWithoutSdk: leanOutput?.contents.length ?? 0 };
}

const ROOT = resolve(import.meta.dirname, '..');
const AGENT = { entry: 'agents/main.ts' };
