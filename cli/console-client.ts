import type { z } from 'zod';
import { parseJson, parseValue } from '#core/documents.ts';
import { BadInput, DecisionRefused, ServicePermanent, StoreTransient } from '#core/errors.ts';
import { printable } from '#core/printable.ts';
import { problemSchema } from '#functions/api/documents.ts';

export interface ConsoleAddress {
  /** `https://lockstep.example.org`, without a path. */
  readonly url: string;
  readonly token: string;
}

interface Question<T> {
  readonly schema: z.ZodType<T>;
  readonly signal: AbortSignal;
  /** With one it is a POST. */
  readonly body?: unknown;
}

/** Speaks to the API of a console; what it answers is believed only once its schema has seen it. */
export class ConsoleClient {
  readonly #address: ConsoleAddress;

  constructor(address: ConsoleAddress) {
    this.#address = address;
  }

  async ask<T>(path: string, { body, schema, signal }: Question<T>): Promise<T> {
    const { token, url } = this.#address;
    const answer = await this.#fetch(path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        Accept: 'application/json',
        Authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // The token is for this console, and for nobody that it, or somebody between, points to.
      redirect: 'manual',
      signal,
    });
    const what = `the answer of ${url}${path.split('?')[0]}`;
    const text = await this.#read(answer, what, signal);
    if (!answer.ok) throw this.#toError(answer, text);
    if (!isJson(answer)) throw this.#notTheApi(answer);
    return parseValue(what, schema, parseJson(what, text));
  }

  async #fetch(path: string, init: RequestInit & { readonly signal: AbortSignal }): Promise<Response> {
    const { url } = this.#address;
    try {
      const signal = AbortSignal.any([init.signal, AbortSignal.timeout(PATIENCE_MILLISECONDS)]);
      return await fetch(new URL(path, url), { ...init, signal });
    } catch (error) {
      throw this.#unreached(error, init.signal);
    }
  }

  async #read({ body }: Response, what: string, signal: AbortSignal): Promise<string> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const chunk of body ?? []) {
        size += chunk.length;
        if (size > MOST_BYTES) break;
        chunks.push(chunk);
      }
    } catch (error) {
      throw this.#unreached(error, signal);
    }
    if (size > MOST_BYTES) throw new ServicePermanent(this.#address.url, `${what} is longer than ${MOST_BYTES} bytes`);
    return Buffer.concat(chunks).toString('utf8');
  }

  #unreached(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const why = cause instanceof Error ? cause.message : String(cause);
    return new StoreTransient(`at the console ${this.#address.url}`, `it was not reached: ${printable(why)}`, {
      cause: error,
    });
  }

  #toError(answer: Response, text: string): Error {
    const { status } = answer;
    const { url } = this.#address;
    if (status >= 300 && status < 400) {
      const place = printable((answer.headers.get('Location') ?? 'elsewhere').slice(0, LONGEST_SHOWN));
      return new BadInput(
        `${url} sends on to ${place}, where the token is not sent: name the console itself with --store`,
      );
    }
    const said = isJson(answer) ? problemSchema.safeParse(orUndefined(text)) : undefined;
    if (said?.success !== true) return this.#notTheApi(answer);
    const problem = `${printable(said.data.title)}. ${printable(said.data.detail)}`;
    switch (status) {
      case 400:
      case 404:
      case 413:
        return new BadInput(`${url}: ${problem}`);
      case 401:
        return new BadInput(`${url}: ${problem} The token is that of LOCKSTEP_TOKEN or --token-file.`);
      case 403:
      case 409:
        return new DecisionRefused(`${url}: ${problem}`);
      case 429:
        return new StoreTransient(`at the console ${url}`, problem);
      default:
        return new ServicePermanent(url, problem);
    }
  }

  /** A proxy between, or another program altogether. */
  #notTheApi({ headers, status }: Response): Error {
    const { url } = this.#address;
    const type = printable((headers.get('Content-Type') ?? 'nothing').slice(0, LONGEST_SHOWN));
    const problem = `it answered ${status} with ${type}, which is not what the API of a console says: is this its address, and does what stands before it let programs through?`;
    return status >= 502 && status <= 504
      ? new StoreTransient(`at the console ${url}`, problem)
      : new ServicePermanent(url, problem);
  }
}

function isJson({ headers }: Response): boolean {
  return /^application\/(problem\+)?json\b/.test(headers.get('Content-Type') ?? '');
}

function orUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The plan of the largest fleet has room. */
const MOST_BYTES = 256 * 1024 * 1024;
const LONGEST_SHOWN = 200;
const PATIENCE_MILLISECONDS = 60_000;
