import pLimit from 'p-limit';
import * as z from 'zod';
import { parseJson, parseValue } from '#core/documents.ts';
import type { Dependencies } from './dependencies.ts';

/** A batch of SQS, as Lambda hands it over. */
const batchSchema = z.object({ Records: z.array(z.object({ messageId: z.string(), body: z.string() })) });

/** "Object Created", as EventBridge brings it from S3: the key is as it is, not as in a URL. */
const createdSchema = z.object({ detail: z.object({ object: z.object({ key: z.string().max(1024) }) }) });

/** Which messages come again, and in the end lie in the dead-letter queue; the others are done. */
export interface BatchAnswer {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/**
 * Does something for every object whose creation a batch tells of. One record that fails, or is none, fails alone. Queue
 * and S3 may bring an event twice, and in any order: what is done has to be harmless when it is done again.
 */
export function forEachCreated<D extends Pick<Dependencies, 'log'>>(
  run: (dependencies: D, key: string) => Promise<void>,
): (dependencies: D, event: unknown) => Promise<BatchAnswer> {
  return async (dependencies, event) => {
    const { Records } = parseValue('batch of events', batchSchema, event);
    const parallel = pLimit(PARALLEL);
    const failed = await Promise.all(
      Records.map((record) => parallel(() => fails(() => run(dependencies, keyIn(record.body)), record, dependencies))),
    );
    return {
      batchItemFailures: failed.flatMap((itemIdentifier) => (itemIdentifier === undefined ? [] : { itemIdentifier })),
    };
  };
}

function keyIn(body: string): string {
  const what = 'event of the store';
  return parseValue(what, createdSchema, parseJson(what, body)).detail.object.key;
}

/** The id of the record if it has to come again. */
async function fails(
  work: () => Promise<void>,
  { messageId }: { readonly messageId: string },
  { log }: Pick<Dependencies, 'log'>,
): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    log('record-failed', { messageId, problem: String(error) });
    return messageId;
  }
}

const PARALLEL = 10;
