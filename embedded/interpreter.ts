import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

// The build for browsers: the same interpreter without the client of AWS Lambda, which takes longer to load than all
// the rest of an engine, to serve tasks that none of our definitions has.
const build = join(dirname(createRequire(import.meta.url).resolve('aws-local-stepfunctions')), 'main.browser.esm.js');

export const { StateMachine } = (await import(
  /* @vite-ignore */ pathToFileURL(build).href
)) as typeof import('aws-local-stepfunctions');
