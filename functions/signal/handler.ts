import { createHandler } from '../create-handler.ts';
import { forEachCreated } from '../for-each-created.ts';
import { openSigner } from '../openers/signer.ts';
import { openStore } from '../openers/store.ts';
import { openTokens } from '../openers/tokens.ts';
import { signal } from './signal.ts';

export const handler = createHandler(
  process.env,
  { store: openStore, signer: openSigner, tokens: openTokens },
  forEachCreated(signal),
);
