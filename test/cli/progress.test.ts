import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { ProgressReporter } from '#cli/progress-reporter.ts';
import { serverLabels } from '#cli/show/labels.ts';
import { showProgress } from '#cli/show/progress.ts';
import { plainPaint } from '#cli/show/text.ts';
import { type Streams, Terminal } from '#cli/terminal.ts';
import { orderId } from '#core/keys.ts';
import { PROGRESS_FORMAT, type Progress, RECEIPT_FORMAT, type Receipt } from '#core/receipt.ts';
import { SYNC_FORMAT, type SyncRequest } from '#core/sync.ts';
import type { ServerView, SyncView } from '#functions/observe/observe-sync.ts';
import { POLICY, SOURCE, SYNC, samplePlan, server } from '#test/core/samples.ts';

test('draws a bar for each server, with stage, bytes, files and speed', () => {
  const view = applying([working('west/a', { bytesDone: 50, bytesTotal: 200, filesDone: 1, filesTotal: 4 })]);
  expect(draw(view, { speedOf: () => 5000 })).toEqual([
    'Synchronization Progress',
    'west/a  ██████░░░░░░░░░░░░░░░░░░  25 %  fetching 50 B of 200 B, 1 of 4 files  5 kB/s',
  ]);
});

test('an agent that has done more than there is to do has done all of it', () => {
  const view = applying([working('west/a', { bytesDone: 500, bytesTotal: 200 })]);
  expect(draw(view)[1]).toContain('100 %');
});

test('shows the servers at work first where there is not room for all', () => {
  const view = applying([finished('west/a'), working('west/b', {}), finished('west/c'), working('west/d', {})]);
  const lines = draw(view, { rows: 5 });
  expect(lines.map((line) => line.split(' ')[0])).toEqual(['Synchronization', 'west/b', 'west/d', 'and']);
  expect(lines.at(-1)).toBe('and 2 more');
});

test('says on plain output what has changed, and not too often', () => {
  const scene = report();
  scene.at(0, applying([working('west/a', { filesDone: 1, filesTotal: 9 })]));
  scene.at(500, applying([working('west/a', { filesDone: 2, filesTotal: 9 })]));
  scene.at(4000, applying([working('west/a', { filesDone: 3, filesTotal: 9 })]));
  scene.at(4100, applying([finished('west/a')]));
  scene.at(9000, applying([finished('west/a')]));
  expect(scene.lines()).toEqual([
    'Synchronization Progress',
    'west/a: fetching 1 of 9 files',
    'west/a: fetching 3 of 9 files',
    'west/a: REFUSED NO_SPACE',
  ]);
});

test('says how each server ended although the verdict came first', () => {
  const scene = report();
  scene.at(0, applying([working('west/a', {})]));
  scene.at(100, { ...applying([finished('west/a')]), phase: 'done' });
  expect(scene.lines().at(-1)).toBe('west/a: REFUSED NO_SPACE');
});

test('asks for the controller only when none has begun for a while', () => {
  const scene = report();
  const queued: SyncView = { ...applying([working('west/a', {})]), phase: 'inventory', begun: false };
  scene.at(0, queued);
  scene.at(1000, queued);
  scene.at(4000, queued);
  scene.at(5000, { ...queued, begun: true });
  expect(scene.lines()).toEqual([
    expect.stringContaining('does lockstep up run?'),
    'Taking stock of source and destinations',
    'west/a: fetching',
  ]);
});

function draw(view: SyncView, style: Partial<Parameters<typeof showProgress>[1]> = {}): string[] {
  const defaults = { labels: serverLabels, paint: plainPaint, rows: 24, speedOf: () => undefined };
  return showProgress(view, { ...defaults, ...style }).split('\n');
}

function report() {
  const stdout = new PassThrough();
  const streams = { stdin: new PassThrough(), stdout, stderr: new PassThrough() } as unknown as Streams;
  let now = 0;
  const reporter = new ProgressReporter(new Terminal(streams, false), serverLabels, () => new Date(now));
  return {
    at: (milliseconds: number, view: SyncView) => {
      now = milliseconds;
      reporter.show(view);
    },
    lines: () => String(stdout.read()).trimEnd().split('\n'),
  };
}

const TIME = '2026-01-02T03:04:05Z';

function applying(servers: readonly ServerView[]): SyncView {
  const request: SyncRequest = {
    format: SYNC_FORMAT,
    sync: SYNC,
    requestedBy: 'requester',
    requestedAt: TIME,
    source: SOURCE,
    destinations: servers.map((one) => one.server),
    policy: POLICY,
    waveSize: 1,
    errorBudget: 0,
    timeouts: { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 },
    notify: [],
  };
  const common = { decision: undefined, cancelled: false, begun: true, wave: 0, verdict: undefined };
  return { ...common, request, phase: 'applying', plan: samplePlan(), servers };
}

function working(id: string, counts: Partial<Progress>): ServerView {
  const none = { filesDone: 0, filesTotal: 0, bytesDone: 0, bytesTotal: 0 };
  const order = orderId(SYNC, 'apply', server(id));
  const progress = {
    format: PROGRESS_FORMAT,
    order,
    server: server(id),
    at: TIME,
    stage: 'fetching',
    ...none,
    ...counts,
  } as const;
  return { server: server(id), step: 'apply', progress, receipt: undefined };
}

function finished(id: string): ServerView {
  const order = orderId(SYNC, 'apply', server(id));
  const common = {
    format: RECEIPT_FORMAT,
    order,
    sync: SYNC,
    server: server(id),
    startedAt: TIME,
    finishedAt: TIME,
  } as const;
  const receipt: Receipt = { ...common, step: 'apply', outcome: 'REFUSED', reason: 'NO_SPACE', detail: 'full' };
  return { server: server(id), step: 'apply', progress: undefined, receipt };
}
