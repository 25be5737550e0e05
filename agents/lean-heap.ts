import { setFlagsFromString } from 'node:v8';

/**
 * To be imported before anything else: what loads makes the heap grow. The part for new objects stays as small as it
 * starts; else it grows, up to 130 MB, in a process that makes many of them, whether or not it needs them for long. The
 * rest grows to twice what is needed before it is collected; else to up to four times that. By less it is collected so often
 * that a sync of large files takes a twentieth longer. The threads inherit both.
 */
for (const flag of ['--semi-space-growth-factor=1', '--heap-growing-percent=100']) setFlagsFromString(flag);
