import * as z from 'zod';
import { StepFunctionsExecutions } from '#adapters/step-functions-executions.ts';
import { createStepFunctionsClient } from '#adapters/step-functions-tokens.ts';
import { parseValue } from '#core/documents.ts';
import type { Executions } from '#core/ports/workflow.ts';
import type { Environment } from '../open-dependencies.ts';

/** ARN of the state machine that runs the workflow. */
const schema = z.object({ LOCKSTEP_STATE_MACHINE: z.string().min(1) });

export async function openExecutions(environment: Environment): Promise<Executions> {
  const { LOCKSTEP_STATE_MACHINE } = parseValue('environment of the function', schema, environment);
  return new StepFunctionsExecutions(createStepFunctionsClient(), LOCKSTEP_STATE_MACHINE);
}
