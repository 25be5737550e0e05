/** A file up to this is one chunk. Never to be changed, like the cut itself: what is stored would not be found again. */
export const WHOLE_BYTES = 64 * 1024;

/** No chunk of any file is longer. */
export const LONGEST_CHUNK = 256 * 1024;
