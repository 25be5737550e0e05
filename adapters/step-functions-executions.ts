import { type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { Executions } from '#core/ports/workflow.ts';
import type { SyncId } from '#core/sync.ts';
import { toServiceError } from './service-errors.ts';

/** Executions of AWS Step Functions, each under the id of its sync: for ninety days the service itself starts none twice. */
export class StepFunctionsExecutions implements Executions {
  readonly #client: SFNClient;
  readonly #stateMachine: string;

  constructor(client: SFNClient, stateMachine: string) {
    this.#client = client;
    this.#stateMachine = stateMachine;
  }

  async start(sync: SyncId): Promise<void> {
    const input = JSON.stringify({ sync });
    try {
      await this.#client.send(new StartExecutionCommand({ stateMachineArn: this.#stateMachine, name: sync, input }));
    } catch (error) {
      if (error instanceof Error && error.name === 'ExecutionAlreadyExists') return;
      throw toServiceError('AWS Step Functions', error);
    }
  }
}
