import { join, relative, resolve } from 'node:path';
import { bundleAgent } from './bundle-agent.ts';

const root = resolve(import.meta.dirname, '..');
const { bytes, bytesWithoutSdk, file } = await bundleAgent(join(root, 'dist/lockstep-agent.mjs'));
const kilobytes = (count: number) => `${Math.round(count / 1000)} kB`;
process.stdout.write(
  `${relative(root, file)}: ${kilobytes(bytes)}, of which the AWS SDK is ${kilobytes(bytes - bytesWithoutSdk)} ` +
    `and the agent ${kilobytes(bytesWithoutSdk)}; for Node 22 or later\n`,
);
