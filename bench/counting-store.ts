import { bytesInAnswer, wrapStore } from '#adapters/wrap-store.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
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
  return {
    ...counted,
    list: (prefix, options) => countedList(store.list(prefix, options), prefix, meter),
    listFolders: (prefix, options) => countedList(store.listFolders(prefix, options), prefix, meter),
  };
}

/** One request for each page of a thousand objects or folders, as S3 answers. */
async function* countedList<T>(entries: AsyncIterable<T>, prefix: string, meter: CallMeter): AsyncGenerator<T> {
  let listed = 0;
  try {
    for await (const entry of entries) {
      listed += 1;
      yield entry;
    }
  } finally {
    countPages(listed, prefix, meter);
  }
}

/** Also of a list that nobody wanted the rest of. */
function countPages(listed: number, prefix: string, meter: CallMeter): void {
  for (let left = listed, page = 0; left > 0 || page === 0; left -= PAGE, page++) {
    const body = Math.min(Math.max(left, 0), PAGE) * LISTED_BYTES;
    meter.add({ method: 'list', key: prefix, bodyUp: 0, bodyDown: body, foundNothingNew: false });
  }
}

const PAGE = 1000;
/** What S3's XML says about one object, about. */
const LISTED_BYTES = 300;
