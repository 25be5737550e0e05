import { createHandler } from '../create-handler.ts';
import { openSigner } from '../openers/signer.ts';
import { openStore } from '../openers/store.ts';
import { plan } from './plan.ts';

export const handler = createHandler(process.env, { store: openStore, signer: openSigner }, plan);
