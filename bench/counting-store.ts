import { bytesInAnswer, wrapStore } from '#adapters/wrap-store.ts';
import type { ObjectInfo, ObjectStore } from '#core/ports/object-store.ts';
import { requestBytes } from './http-bytes.ts';
import type { CountedCall } from './traffic-meter.ts';

/** Is told of each call when it has ended. */
export interface CallMeter {
  add(call: CountedCall): void;
}

/** Counts at the store's edge what each call would move over the wire, also one that fails. */
export function countingStore(store: ObjectStore, meter: CallMeter): ObjectStore {
  const counted = wrapStore(store, async ({ body, key, method }, run) => {
    let answer: Awaited<ReturnType<typeof run>> | undefined;
    try {
      answer = await run();
      return answer;
    } finally {
      const foundNothingNew = answer === undefined || answer === 'not-modified';
      meter.add({ method, key, bodyUp: requestBytes(body), bodyDown: bytesInAnswer(answer), foundNothingNew });
    }
  });
  return { ...counted, list: (prefix, options) => countedList(store.list(prefix, options), prefix, meter) };
}

/** One request for each page of a thousand objects, as S3 answers. */
async function* countedList(
  objects: AsyncIterable<ObjectInfo>,
  prefix: string,
  meter: CallMeter,
): AsyncGenerator<ObjectInfo> {
  let listed = 0;
  for await (const info of objects) {
    listed += 1;
    yield info;
  }
  for (let left = listed, page = 0; left > 0 || page === 0; left -= PAGE, page++) {
    const body = Math.min(Math.max(left, 0), PAGE) * LISTED_BYTES;
    meter.add({ method: 'list', key: prefix, bodyUp: 0, bodyDown: body, foundNothingNew: false });
  }
}

const PAGE = 1000;
/** What S3's XML says about one object, about. */
const LISTED_BYTES = 300;
