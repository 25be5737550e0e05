import { createStepFunctionsClient, StepFunctionsTokens } from '#adapters/step-functions-tokens.ts';
import type { TaskTokens } from '#core/ports/workflow.ts';

export async function openTokens(): Promise<TaskTokens> {
  return new StepFunctionsTokens(createStepFunctionsClient());
}
