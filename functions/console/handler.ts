import { createHandler } from '../create-handler.ts';
import { openConsoleSecret } from '../openers/console-secret.ts';
import { openConsoleSettings } from '../openers/console-settings.ts';
import { openSigner } from '../openers/signer.ts';
import { openStore } from '../openers/store.ts';
import { answerEvent } from './answer-event.ts';

export const handler = createHandler(
  process.env,
  { store: openStore, signer: openSigner, settings: openConsoleSettings, secret: openConsoleSecret },
  answerEvent,
);
