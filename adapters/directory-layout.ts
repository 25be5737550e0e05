import { join } from 'node:path';
import { isKeySegment } from './object-key.ts';

/**
 * `{root}/{key}` for every object, and beside them `.lockstep/`, which no key can name: `tmp/` for files being written
 * and `lock` (see process-lock.ts). Two keys that differ only in case are one file on Windows; core/keys.ts makes none.
 */
export class DirectoryLayout {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  get own(): string {
    return join(this.root, '.lockstep');
  }

  get temporary(): string {
    return join(this.own, 'tmp');
  }

  get lock(): string {
    return join(this.own, 'lock');
  }

  /** The key must have passed assertObjectKey. */
  pathOf(key: string): string {
    return join(this.root, ...key.split('/').map(fileNameOf));
  }
}

/** On Windows these are devices, with any extension; `%` is in no key. */
const DEVICE = /^(?:con|prn|aux|nul|clock|com\d|lpt\d)(?:\.|$)/i;

function fileNameOf(segment: string): string {
  return DEVICE.test(segment) ? `%${segment}` : segment;
}

/** `undefined` for a file that is no object. */
export function segmentOf(fileName: string): string | undefined {
  const segment = fileName.replace(/^%/, '');
  return isKeySegment(segment) && fileNameOf(segment) === fileName ? segment : undefined;
}
