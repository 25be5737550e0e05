import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createApp } from './create-app.ts';
import { EVERYTHING } from './everything.ts';
import { readPermissions } from './permission-table.ts';
import { permissionsPage } from './permissions-page.ts';

const outdir = mkdtempSync(join(tmpdir(), 'lockstep-permissions-'));
try {
  // What is in the functions has no say in what they may do.
  const context = { ...EVERYTHING, 'aws:cdk:bundling-stacks': [] };
  const { app, stack } = createApp({ outdir, context });
  const { template } = app.synth().getStackByName(stack.stackName);
  writeFileSync(resolve(import.meta.dirname, '../docs/permissions.md'), permissionsPage(readPermissions(template)));
} finally {
  rmSync(outdir, { recursive: true });
}
