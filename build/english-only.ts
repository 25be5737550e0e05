import type { Plugin } from 'esbuild';

/** zod brings its messages in fifty languages, a third of a bundle; Lockstep uses the English ones. */
export const ENGLISH_ONLY: Plugin = {
  name: 'english-only',
  setup({ onLoad }) {
    const contents = "export { default as en } from './en.js';";
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents }));
  },
};
