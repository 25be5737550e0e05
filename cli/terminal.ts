import { styleText } from 'node:util';
import { createLogUpdate } from 'log-update';
import { Interrupted } from '#core/errors.ts';
import type { CommandOutcome } from './outcome.ts';
import type { Paint, Tone } from './show/text.ts';

/** The process's own streams, or what a test puts in their place. */
export interface Streams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/**
 * The one place that prints and asks. What people read goes to stdout; with --json stdout is for the one document
 * of the outcome, and people read stderr.
 */
export class Terminal {
  readonly streams: Streams;
  readonly #json: boolean;
  /** Where people read. */
  readonly output: NodeJS.WriteStream;
  readonly #live: ReturnType<typeof createLogUpdate>;
  #isLive = false;

  constructor(streams: Streams, json: boolean) {
    this.streams = streams;
    this.#json = json;
    this.output = json ? streams.stderr : streams.stdout;
    this.#live = createLogUpdate(this.output);
  }

  readonly paint: Paint = (tone, text) => styleText(FORMATS[tone], text, { stream: this.output });

  /** What is in the document need not be said besides. */
  get printsDocument(): boolean {
    return this.#json;
  }

  /** Whether a line can be rewritten in place. */
  get rewrites(): boolean {
    return this.output.isTTY === true;
  }

  get canAsk(): boolean {
    return this.rewrites && this.streams.stdin.isTTY === true;
  }

  get columns(): number {
    return this.output.columns ?? 100;
  }

  get rows(): number {
    return this.output.rows ?? 24;
  }

  say(text: string): void {
    this.settle();
    this.output.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** Shows the text in the place of what was last shown live; only where `rewrites`. */
  live(text: string): void {
    this.#isLive = true;
    this.#live(text);
  }

  /** Takes away what is shown live. */
  clear(): void {
    if (this.#isLive) this.#live.clear();
    this.settle();
  }

  /** Leaves what is shown live where it stands. */
  settle(): void {
    if (this.#isLive) this.#live.done();
    this.#isLive = false;
  }

  /** No is the default. `undefined` when the signal aborts first; Interrupted when the person leaves the question. */
  async confirm(question: string, signal: AbortSignal): Promise<boolean | undefined> {
    this.settle();
    // Most commands ask nothing.
    const { confirm, isCancel } = await import('@clack/prompts');
    const answer = await confirm({ message: question, initialValue: false, ...this.prompt(signal) });
    if (!isCancel(answer)) return answer;
    if (signal.aborted) return undefined;
    throw new Interrupted('the question was left without an answer');
  }

  /** What every prompt needs. */
  prompt(signal: AbortSignal): {
    readonly input: NodeJS.ReadStream;
    readonly output: NodeJS.WriteStream;
    readonly signal: AbortSignal;
  } {
    return { input: this.streams.stdin, output: this.output, signal };
  }

  finish(outcome: CommandOutcome): void {
    this.settle();
    if (this.#json) this.streams.stdout.write(`${JSON.stringify(outcome.document, null, 2)}\n`);
    if (outcome.text !== '') this.say(outcome.text);
  }
}

const FORMATS: Readonly<Record<Tone, Parameters<typeof styleText>[0]>> = {
  good: 'green',
  bad: 'red',
  warning: 'yellow',
  faint: 'dim',
  strong: 'bold',
};
