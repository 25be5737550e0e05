import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { type FunctionName, LAMBDA_BUNDLING, LAMBDA_FUNCTIONS } from './lambda-bundle.ts';

export interface FunctionBundle {
  readonly name: FunctionName;
  readonly file: string;
  readonly bytes: number;
  /** Of the AWS SDK: `kms`, `s3`. */
  readonly clients: readonly string[];
  /** Packages of the AWS SDK that are there in a second version. */
  readonly nested: readonly string[];
}

/** Each function in one file, as the stack deploys it. */
export async function bundleFunctions(folder: string): Promise<FunctionBundle[]> {
  const names = Object.keys(LAMBDA_FUNCTIONS) as FunctionName[];
  return await Promise.all(names.map((name) => bundleFunction(name, join(folder, name, 'index.mjs'))));
}

async function bundleFunction(name: FunctionName, file: string): Promise<FunctionBundle> {
  const { banner, mainFields, ...options } = LAMBDA_BUNDLING;
  const { metafile } = await build({
    ...options,
    absWorkingDir: resolve(import.meta.dirname, '..'),
    entryPoints: [`functions/${name}/handler.ts`],
    outfile: file,
    bundle: true,
    platform: 'node',
    mainFields: [...mainFields],
    banner: { js: banner },
    metafile: true,
    logLevel: 'warning',
  });
  const [output] = Object.values(metafile.outputs);
  const used = Object.keys(output?.inputs ?? {});
  const clients = used.flatMap((path) => /node_modules\/@aws-sdk\/client-([^/]+)\//.exec(path)?.[1] ?? []);
  return {
    name,
    file,
    bytes: output?.bytes ?? 0,
    clients: [...new Set(clients)].sort(),
    nested: used.filter((path) => /node_modules\/.*node_modules\/@(?:aws-sdk|smithy)\//.test(path)),
  };
}
