import { createHandler } from '../create-handler.ts';
import { openConsoleUrl } from '../openers/console-url.ts';
import { openNotifier } from '../openers/notifier.ts';
import { openSigner } from '../openers/signer.ts';
import { openStore } from '../openers/store.ts';
import { report } from './report.ts';

export const handler = createHandler(
  process.env,
  { store: openStore, signer: openSigner, notifier: openNotifier, consoleUrl: openConsoleUrl },
  report,
);
