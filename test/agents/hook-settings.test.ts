import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { readAgentFile } from '#agents/agent-file.ts';
import { examine } from '#agents/doctor.ts';
import { enrolAgent } from '#agents/enrol.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { CONTROL_KEY_FORMAT } from '#core/receipt.ts';
import { NO_STORE, setHooks, writeAgent } from './agent-of-files.ts';
import { Control, DESTINATION } from './control.ts';
import { scripted } from './scripted-hook.ts';
import { testFolder } from './test-folder.ts';

const BEFORE = { before: scripted('') };

async function agentFolder(hooks = {}): Promise<string> {
  const { stateFolder } = await writeAgent(new Control(), { root: testFolder(), store: NO_STORE });
  setHooks(stateFolder, hooks);
  return stateFolder;
}

describe('the hooks of agent.json', () => {
  it.each([
    ['a shell string', { before: { command: 'systemctl stop x' } }],
    ['an empty command', { before: { command: [] } }],
    ['a path that depends on where the agent is', { before: { command: ['./stop.sh'] } }],
    ['a time without end', { after: { command: ['/bin/true'], timeoutSeconds: 3601 } }],
    ['a hook of an unknown name', { during: { command: ['/bin/true'] } }],
  ])('are refused as %s', async (_, hooks) => {
    const stateFolder = await agentFolder(hooks);
    await expect(readAgentFile(stateFolder)).rejects.toThrow(/agent\.json is not valid.*hooks/);
  });

  it('have a time of five minutes where none is said, and a check is repeated after five seconds', async () => {
    const stateFolder = await agentFolder({ after: { command: ['/bin/true'] }, check: { command: ['true'] } });
    expect(await readAgentFile(stateFolder)).toMatchObject({
      hooks: { after: { timeoutSeconds: 300 }, check: { timeoutSeconds: 300, intervalSeconds: 5 } },
    });
  });

  it('are obeyed only from a file that nobody else may write', async () => {
    const stateFolder = await agentFolder(BEFORE);
    const file = join(stateFolder, 'agent.json');
    chmodSync(file, 0o620);
    await expect(readAgentFile(stateFolder)).rejects.toThrow(`others than this agent's user may write ${file}`);
    chmodSync(file, 0o600);
    chmodSync(stateFolder, 0o777);
    await expect(readAgentFile(stateFolder)).rejects.toThrow(`others than this agent's user may write ${stateFolder}`);
    chmodSync(stateFolder, 0o755);
    expect(await readAgentFile(stateFolder)).toMatchObject({ hooks: BEFORE });
  });

  it('may stay away from a file that others may write', async () => {
    const { stateFolder } = await writeAgent(new Control(), { root: testFolder(), store: NO_STORE });
    chmodSync(join(stateFolder, 'agent.json'), 0o666);
    expect(await readAgentFile(stateFolder)).toMatchObject({ server: DESTINATION });
  });

  it('stay when the agent is enrolled again', async () => {
    const [control, store] = [new Control(), new MemoryStore()];
    const { stateFolder } = await writeAgent(control, { root: testFolder(), store: store.url });
    setHooks(stateFolder, BEFORE);
    await store.put(
      keys.controlKey(),
      encodeDocument({ format: CONTROL_KEY_FORMAT, publicKey: control.signer.publicKey }),
    );
    const now = () => new Date();
    await enrolAgent({ store, server: DESTINATION, root: testFolder(), profile: 'generic', stateFolder, now });
    expect(await readAgentFile(stateFolder)).toMatchObject({ profile: 'generic', hooks: BEFORE });
  });

  it('are shown by doctor with the program that is found, or with what to do', async () => {
    const stateFolder = await agentFolder({
      before: { command: ['tool', 'stop x'] },
      after: { command: ['/nowhere/tool'] },
      check: { command: ['no-such-tool'] },
    });
    const folder = testFolder();
    writeFileSync(join(folder, 'tool'), '', { mode: 0o755 });
    const findings = await Array.fromAsync(examine(stateFolder, { hookEnvironment: { PATH: `/nowhere:${folder}` } }));
    const hooks = findings.filter(({ check }) => check.endsWith(' hook'));
    expect(hooks).toEqual([
      { check: 'before hook', isGood: true, detail: `"${folder}/tool" "stop x", at most 300 seconds` },
      { check: 'after hook', isGood: false, detail: expect.stringContaining('/nowhere/tool is not a program') },
      { check: 'check hook', isGood: false, detail: expect.stringContaining('no program no-such-tool in') },
    ]);
  });
});
