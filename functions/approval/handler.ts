import { createHandler } from '../create-handler.ts';
import { openConsoleUrl } from '../openers/console-url.ts';
import { openNotifier } from '../openers/notifier.ts';
import { openSigner } from '../openers/signer.ts';
import { openStore } from '../openers/store.ts';
import { openTokens } from '../openers/tokens.ts';
import { approval } from './approval.ts';

export const handler = createHandler(
  process.env,
  { store: openStore, signer: openSigner, tokens: openTokens, notifier: openNotifier, consoleUrl: openConsoleUrl },
  approval,
);
