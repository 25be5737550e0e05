import {
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { TaskTokenGone } from '#core/errors.ts';
import type { TaskTokens } from '#core/ports/workflow.ts';
import { SdkCause } from './sdk-cause.ts';
import { toServiceError } from './service-errors.ts';

const STEP_FUNCTIONS = 'AWS Step Functions';

/** Milliseconds; an answer is a few hundred bytes. */
const REQUEST_HANDLER = { connectionTimeout: 3000, requestTimeout: 5000, throwOnRequestTimeout: true };

/**
 * A client for the endpoint, region and credentials of the SDK's own variables and files. `standard`: each process makes a
 * call or two, so that there is no rate of its own to adapt; the pauses between attempts are random.
 */
export function createStepFunctionsClient(): SFNClient {
  return new SFNClient({ maxAttempts: 5, retryMode: 'standard', requestHandler: REQUEST_HANDLER });
}

/**
 * Task tokens of AWS Step Functions. ServiceTransient when it is throttled or does not answer; whether it took the answer
 * is then not known, and saying it again is harmless: a token that was answered is TaskTokenGone. No error shows a token.
 */
export class StepFunctionsTokens implements TaskTokens {
  readonly #client: SFNClient;
  readonly #options: { readonly abortSignal?: AbortSignal };

  constructor(client: SFNClient, signal?: AbortSignal) {
    this.#client = client;
    this.#options = signal === undefined ? {} : { abortSignal: signal };
  }

  async succeed(taskToken: string, output: unknown): Promise<void> {
    const command = new SendTaskSuccessCommand({ taskToken, output: JSON.stringify(output) });
    await this.#settled(this.#client.send(command, this.#options));
  }

  async fail(taskToken: string, { name, message }: { readonly name: string; readonly message: string }): Promise<void> {
    const cause = message.slice(0, LONGEST_CAUSE);
    const command = new SendTaskFailureCommand({ taskToken, error: name.slice(0, LONGEST_ERROR), cause });
    await this.#settled(this.#client.send(command, this.#options));
  }

  async heartbeat(taskToken: string): Promise<void> {
    await this.#settled(this.#client.send(new SendTaskHeartbeatCommand({ taskToken }), this.#options));
  }

  async #settled(call: Promise<unknown>): Promise<void> {
    try {
      await call;
    } catch (error) {
      if (this.#options.abortSignal?.aborted) throw this.#options.abortSignal.reason;
      if (error instanceof Error && GONE.has(error.name)) {
        throw new TaskTokenGone('nobody waits for this answer any more', { cause: new SdkCause(error) });
      }
      throw toServiceError(STEP_FUNCTIONS, error);
    }
  }
}

const GONE = new Set(['InvalidToken', 'TaskDoesNotExist', 'TaskTimedOut']);

/** Characters; Step Functions refuses more. */
const LONGEST_CAUSE = 32_768;
const LONGEST_ERROR = 256;
