/** Keeps an object from being removed, for a time, by anybody: S3 Object Lock. */
export interface Retention {
  /** From this moment on; an object that is held already is held no shorter. */
  hold(key: string, from: Date): Promise<void>;
}
