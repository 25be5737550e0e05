/** `node build/bundle-lambda.ts NAME FOLDER`: one function, as the stack deploys it. The CDK waits for no promise. */
import { parseArgs } from 'node:util';
import { bundleFunction } from './bundle-functions.ts';
import type { FunctionName } from './lambda-bundle.ts';

const [name = '', folder = ''] = parseArgs({ allowPositionals: true }).positionals;
await bundleFunction(name as FunctionName, folder);
