import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createApp } from '#cdk/create-app.ts';
import { EVERYTHING } from '#cdk/everything.ts';
import type { TemplateResource } from '#cdk/permission-table.ts';

export interface SynthesisedStack {
  readonly template: {
    readonly Resources: Readonly<Record<string, TemplateResource>>;
    readonly Parameters: Readonly<Record<string, unknown>>;
    readonly Outputs: Readonly<Record<string, unknown>>;
  };
  readonly file: string;
  ofType(type: string): Readonly<Record<string, TemplateResource>>;
}

/** The stack of a context, without its functions' code, which takes most of the time; cdk-nag has its say. */
export function synthesise(context: Readonly<Record<string, unknown>> = {}): SynthesisedStack {
  const outdir = mkdtempSync(join(tmpdir(), 'lockstep-synth-'));
  process.once('exit', () => rmSync(outdir, { recursive: true, force: true }));
  return synthesiseInto(outdir, { ...context, 'aws:cdk:bundling-stacks': [] });
}

/** With the bundles, as they are deployed; the folder lives as long as the test. */
export function synthesiseWhole(): SynthesisedStack & { readonly outdir: string } {
  const outdir = mkdtempSync(join(tmpdir(), 'lockstep-synth-'));
  onTestFinished(() => rm(outdir, { recursive: true, force: true }));
  return { ...synthesiseInto(outdir, EVERYTHING), outdir };
}

function synthesiseInto(outdir: string, context: Readonly<Record<string, unknown>>): SynthesisedStack {
  const { app, stack } = createApp({ outdir, context });
  const artifact = app.synth().getStackByName(stack.stackName);
  const template = artifact.template as SynthesisedStack['template'];
  return {
    template,
    file: artifact.templateFullPath,
    ofType: (type) => Object.fromEntries(Object.entries(template.Resources).filter(([, { Type }]) => Type === type)),
  };
}
