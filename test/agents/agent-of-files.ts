import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeAgentFile } from '#agents/agent-file.ts';
import { openAgentSigner } from '#agents/enrol.ts';
import type { Hooks } from '#agents/hook-settings.ts';
import type { Signer } from '#core/ports/signer.ts';
import { type Control, DESTINATION, PROFILE } from './control.ts';
import { testFolder } from './test-folder.ts';

/** Nobody can make a store there. */
export const NO_STORE = 'file:///dev/null/store';

/** The state folder of an enrolled agent, by files alone. */
export async function writeAgent(
  control: Control,
  agent: { readonly root: string; readonly store: string; readonly hooks?: Hooks },
): Promise<{ readonly stateFolder: string; readonly signer: Signer }> {
  const stateFolder = testFolder();
  const profile = join(stateFolder, 'profile.yaml');
  writeFileSync(profile, JSON.stringify(PROFILE));
  await writeAgentFile(stateFolder, {
    format: 'lockstep-agent/1',
    server: DESTINATION,
    profile,
    controlKey: control.signer.publicKey,
    ...agent,
  });
  return { stateFolder, signer: await openAgentSigner(stateFolder) };
}

export function setHooks(stateFolder: string, hooks: Hooks): void {
  const path = join(stateFolder, 'agent.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), hooks }));
}
