import { createHandler } from '../create-handler.ts';
import { openSigner } from '../openers/signer.ts';
import { openStore } from '../openers/store.ts';
import { openTokens } from '../openers/tokens.ts';
import { apply } from './apply.ts';

export const handler = createHandler(process.env, { store: openStore, signer: openSigner, tokens: openTokens }, apply);
