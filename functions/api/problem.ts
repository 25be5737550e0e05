import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';
import { BadInput, DecisionRefused, InvalidDocument } from '#core/errors.ts';
import { printable } from '#core/printable.ts';
import type { ConsoleContext, ConsoleParts } from '../console/console-parts.ts';
import { problemSchema } from './documents.ts';

export interface Problem {
  readonly status: ContentfulStatusCode;
  /** What happened. */
  readonly title: string;
  /** Where, and what to do next. */
  readonly detail: string;
}

/** As RFC 9457 has it. */
export function problemJson(context: Context, { detail, status, title }: Problem): Response {
  context.set('problem', `${title}: ${detail}`);
  const body = JSON.stringify({ type: 'about:blank', title, status, detail } satisfies z.infer<typeof problemSchema>);
  return context.body(body, status, { 'Content-Type': PROBLEM_TYPE, 'Cache-Control': 'no-store' });
}

/** Thrown where a route finds out that it has nothing to show. */
export function notThere(detail: string): HTTPException {
  return new HTTPException(404, { message: detail });
}

export function answerError({ log, random }: Pick<ConsoleParts, 'log' | 'random'>) {
  return (error: Error, context: ConsoleContext): Response => {
    const id = random();
    const { status, title } = sort(error);
    log('api-problem', { id, status, path: context.req.path, name: error.name, message: error.message });
    const detail = status === 500 ? `Somebody who can read the log finds it there as ${id}.` : printable(error.message);
    return problemJson(context, { status, title, detail });
  };
}

function sort(error: Error): Pick<Problem, 'status' | 'title'> {
  if (error instanceof BadInput) return { status: 400, title: TITLES[400] };
  if (error instanceof DecisionRefused) return { status: 409, title: TITLES[409] };
  if (error instanceof InvalidDocument) return { status: 502, title: TITLES[502] };
  if (error instanceof HTTPException) return { status: error.status, title: titleOf(error.status) };
  return { status: 500, title: TITLES[500] };
}

function titleOf(status: number): string {
  return status in TITLES ? TITLES[status as keyof typeof TITLES] : 'That cannot be done';
}

const TITLES = {
  400: 'That cannot be done',
  401: 'Who are you?',
  403: 'You may not do this',
  404: 'There is no such thing here',
  409: 'It was not done: something else is true by now',
  413: 'That is too large',
  415: 'That is not JSON',
  429: 'Too many requests',
  500: 'Something went wrong here',
  502: 'What the store holds cannot be believed',
} as const;

const PROBLEM_TYPE = 'application/problem+json';

type ProblemStatus = Exclude<keyof typeof TITLES, 500>;

interface ProblemAnswer {
  readonly description: string;
  readonly content: { readonly [PROBLEM_TYPE]: { readonly schema: typeof problemSchema } };
}

/** What a route may answer instead; the first ones are every route's. */
export function problems<const S extends ProblemStatus>(
  ...more: readonly S[]
): Record<CommonProblem | S, ProblemAnswer> {
  const all: readonly (CommonProblem | S)[] = [401, 403, 429, ...more];
  const toAnswer = (status: CommonProblem | S): ProblemAnswer => ({
    description: TITLES[status],
    content: { [PROBLEM_TYPE]: { schema: problemSchema } },
  });
  return Object.fromEntries(all.map((status) => [status, toAnswer(status)])) as Record<
    CommonProblem | S,
    ProblemAnswer
  >;
}

type CommonProblem = 401 | 403 | 429;
