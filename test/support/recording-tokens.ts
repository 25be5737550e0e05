import { TaskTokenGone } from '#core/errors.ts';
import type { TaskTokens } from '#core/ports/workflow.ts';

/** Writes down what it is told, one line each; knows nobody who waits for a token called `gone`. */
export class RecordingTokens implements TaskTokens {
  readonly told: string[] = [];

  async succeed(token: string, output: unknown): Promise<void> {
    this.#tell(token, `succeed ${token} ${JSON.stringify(output)}`);
  }

  async fail(token: string, error: { readonly name: string; readonly message: string }): Promise<void> {
    this.#tell(token, `fail ${token} ${error.name}: ${error.message}`);
  }

  async heartbeat(token: string): Promise<void> {
    this.#tell(token, `heartbeat ${token}`);
  }

  #tell(token: string, line: string): void {
    if (token === 'gone') throw new TaskTokenGone('nobody waits for this answer any more');
    this.told.push(line);
  }
}
