import {
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { TaskTokenGone } from '#core/errors.ts';
import type { TaskTokens } from '#core/ports/workflow.ts';

const GONE = new Set(['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken']);

/** Task tokens of AWS Step Functions. */
export class StepFunctionsTokens implements TaskTokens {
  readonly #client: SFNClient;

  constructor(client: SFNClient) {
    this.#client = client;
  }

  async succeed(taskToken: string, output: unknown): Promise<void> {
    await settled(this.#client.send(new SendTaskSuccessCommand({ taskToken, output: JSON.stringify(output) })));
  }

  async fail(taskToken: string, { name, message }: { readonly name: string; readonly message: string }): Promise<void> {
    await settled(this.#client.send(new SendTaskFailureCommand({ taskToken, error: name, cause: message })));
  }

  async heartbeat(taskToken: string): Promise<void> {
    await settled(this.#client.send(new SendTaskHeartbeatCommand({ taskToken })));
  }
}

async function settled(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error && GONE.has(error.name)) {
      throw new TaskTokenGone('nobody waits for this answer any more', { cause: error });
    }
    throw error;
  }
}
