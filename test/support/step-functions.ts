import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { type MotoServer, startMotoServer } from './moto-server.ts';

/** What stands for `${StoreBucket}` and `${PlanFunction}` in the definition. */
export interface StepFunctionsParts {
  /** Of moto_server. */
  readonly program: string;
  readonly bucket: string;
  /** Of an S3 that speaks HTTP on this machine. */
  readonly s3Port: number;
  /** What a Lambda function answers; an error that it throws is the function's. */
  readonly invoke: (functionName: string, payload: unknown) => Promise<unknown>;
}

/**
 * Step Functions as moto brings it: the interpreter of LocalStack, which shares nothing with the embedded engine. It
 * reads items from S3 and calls functions as AWS does, over HTTP, at the port that it is told is its own.
 */
export class IndependentStepFunctions {
  readonly #client: SFNClient;
  readonly #definition: string;
  readonly #machines = new Map<string, Promise<string>>();

  static async start(parts: StepFunctionsParts): Promise<IndependentStepFunctions> {
    let machines: IndependentStepFunctions | undefined;
    const services = createServer((request, response) => {
      serve({ ...parts, machines }, request, response).catch((error: unknown) => {
        response.writeHead(500, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ __type: 'InternalError', message: String(error) }));
      });
    });
    services.listen(0, '127.0.0.1');
    await once(services, 'listening');
    const { port } = services.address() as AddressInfo;
    const moto = await startMotoServer(parts.program, { MOTO_PORT: String(port) });
    const stop = async () => {
      await moto.stop();
      services.closeAllConnections();
      services.close();
      await once(services, 'close');
    };
    try {
      await interpretForReal(moto);
      const definition = await substitutedDefinition(parts.bucket);
      machines = new IndependentStepFunctions({ url: `http://127.0.0.1:${port}`, moto, definition, stop });
      return machines;
    } catch (error) {
      await stop();
      throw error;
    }
  }

  /** What the handlers know as Step Functions. */
  readonly url: string;
  readonly moto: MotoServer;
  readonly stop: () => Promise<void>;

  private constructor({ definition, moto, stop, url }: Machines) {
    this.url = url;
    this.moto = moto;
    this.stop = stop;
    this.#client = new SFNClient({ endpoint: moto.endpoint, region: 'eu-central-1', credentials: CREDENTIALS });
    this.#definition = definition;
  }

  /** Once for each name; and one after the other: moto cannot start a second one while it remembers a first. */
  async startExecution(name: string, input: string): Promise<void> {
    if (this.#machines.has(name)) return;
    const machine = this.#createMachine(name);
    this.#machines.set(name, machine);
    await this.#client.send(new StartExecutionCommand({ stateMachineArn: await machine, name, input }));
  }

  /** `RUNNING` until it has ended. */
  async statusOf(execution: string): Promise<{ readonly status: string; readonly error: string | undefined }> {
    const executionArn = await this.#arnOf(execution);
    const { error, status = 'RUNNING' } = await this.#client.send(new DescribeExecutionCommand({ executionArn }));
    return { status, error };
  }

  /** The states of the workflow itself that were entered, in their order. */
  async pathOf(execution: string): Promise<string[]> {
    const executionArn = await this.#arnOf(execution);
    const { events = [] } = await this.#client.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1000 }));
    return events.flatMap(({ stateEnteredEventDetails }) => stateEnteredEventDetails?.name ?? []);
  }

  async #createMachine(name: string): Promise<string> {
    await (await fetch(`${this.moto.endpoint}/moto-api/reset`, { method: 'POST' })).body?.cancel();
    const { stateMachineArn = '' } = await this.#client.send(
      new CreateStateMachineCommand({
        name,
        definition: this.#definition,
        roleArn: 'arn:aws:iam::123456789012:role/workflow',
      }),
    );
    return stateMachineArn;
  }

  async #arnOf(execution: string): Promise<string> {
    const machine = await this.#machines.get(execution);
    return `${machine?.replace(':stateMachine:', ':execution:')}:${execution}`;
  }
}

interface Machines extends Pick<IndependentStepFunctions, 'moto' | 'stop' | 'url'> {
  readonly definition: string;
}

interface Services extends StepFunctionsParts {
  readonly machines: IndependentStepFunctions | undefined;
}

const CREDENTIALS = { accessKeyId: 'testing', secretAccessKey: 'testing' };

async function interpretForReal({ endpoint }: MotoServer): Promise<void> {
  const body = JSON.stringify({ stepfunctions: { execute_state_machine: true } });
  const answer = await fetch(`${endpoint}/moto-api/config`, { method: 'POST', body });
  await answer.body?.cancel();
}

/** As the stack fills it in; but moto starts a thread for every item that a Map may have at the same time. */
async function substitutedDefinition(bucket: string): Promise<string> {
  const text = await readFile(new URL('../../functions/sync.asl.json', import.meta.url), 'utf8');
  return text
    .replaceAll(/("MaxConcurrency": )\d+/g, (_, name: string) => `${name}8`)
    .replaceAll('$' + '{StoreBucket}', bucket)
    .replaceAll(/\$\{(\w+)Function\}/g, (_, name: string) => `${FUNCTIONS_ARN}${name.toLowerCase()}`);
}

const FUNCTIONS_ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:';

/** Lambda and Step Functions; whatever else is asked for is S3. */
async function serve(services: Services, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, functionName] = /^\/2015-03-31\/functions\/([^/]+)\/invocations/.exec(request.url ?? '') ?? [];
  const target = request.headers['x-amz-target'] ?? '';
  if (functionName !== undefined) return await invoke(services, decodeURIComponent(functionName), request, response);
  if (target === '') return passOn(services.s3Port, request, response);
  if (target !== 'AWSStepFunctions.StartExecution') {
    return passOn(Number(URL.parse(services.machines?.moto.endpoint ?? '')?.port), request, response);
  }
  const { input, name } = JSON.parse(await textOf(request));
  await services.machines?.startExecution(name, input);
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end('{}');
}

async function invoke(
  services: Services,
  functionArn: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const payload = await textOf(request);
  try {
    const answer = await services.invoke(functionArn.split(':').at(-1) ?? '', JSON.parse(payload));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? null));
  } catch (error) {
    // As Lambda tells of an error that a function has thrown.
    const { message, name: errorType } = error as Error;
    response.writeHead(200, { 'content-type': 'application/json', 'x-amz-function-error': 'Unhandled' });
    response.end(JSON.stringify({ errorType, errorMessage: message, trace: [] }));
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  return Buffer.concat(await Array.fromAsync(request as AsyncIterable<Uint8Array>)).toString();
}

function passOn(port: number, incoming: IncomingMessage, response: ServerResponse): void {
  const { headers, method, url } = incoming;
  const asked = forward({ host: '127.0.0.1', port, path: url, method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
  });
  asked.on('error', () => response.writeHead(502).end());
  incoming.pipe(asked);
}
