import { DirectoryStore } from '#adapters/directory-store.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { describeObjectStore } from './object-store.contract.ts';

describeObjectStore('DirectoryStore', { open: async () => DirectoryStore.open(await temporaryFolder()) });
