import { html } from 'hono/html';
import type { Operation } from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import type { Secrets } from '#core/secret-rules.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import { count } from '../../count.ts';
import { type ComparedLine, compareLines, showLines } from '../compare-lines.ts';
import type { Html } from '../parts/layout.ts';
import { shownPath, takeWithin } from '../parts/paths.ts';
import type { Side, Sides } from '../read-sides.ts';
import { WORDS } from './operation-table.ts';

export interface FileShown {
  readonly sync: SyncId;
  readonly server: ServerId;
  readonly operation: Operation;
  readonly sides: Sides;
  /** What the profile says of this file. */
  readonly secrets: Secrets;
}

/** One file: line by line, or one side of it, or why there is nothing to see. */
export async function fileDifferences({ operation, secrets, server, sides, sync }: FileShown): Promise<Awaited<Html>> {
  const here = `/syncs/${sync}/differences/${server}`;
  return await html`<h1><code>${shownPath(operation.path)}</code></h1>
    <p>${WORDS[operation.change]} at ${server}; <a href="${here}">all that changes there</a></p>
    ${await body(sides, secrets)}
    <p class="hint">What a word such as password, secret, token, key or community names is masked, and what the profile names
      besides; of such a line one sees only that it has changed. A secret that nothing names is shown: name it in the profile,
      or let that sort such a file as identity.</p>`;
}

async function body({ after, before }: Sides, secrets: Secrets): Promise<Html> {
  if (before.kind === 'text' && after.kind === 'text') {
    const lines = compareLines(before.text, after.text, secrets);
    if (lines !== undefined) return await lineTable('What changes, line by line', lines);
    return html`<p class="notice">Nearly every line differs. This is the new content:</p>${await lineTable('The new content', showLines(after.text, secrets))}`;
  }
  return html`${missing('There now', before)} ${missing('To be written', after)}
    ${before.kind === 'text' ? await lineTable(after.kind === 'absent' ? 'What is removed' : 'What is there now', showLines(before.text, secrets)) : ''}
    ${after.kind === 'text' ? await lineTable(before.kind === 'absent' ? 'What is created' : 'What is to be written', showLines(after.text, secrets)) : ''}`;
}

function missing(which: string, side: Side): Html | string {
  return side.kind === 'unknown'
    ? html`<p class="notice"><b>${which}:</b> cannot be shown. ${printable(side.why)}</p>`
    : '';
}

async function lineTable(caption: string, lines: readonly ComparedLine[]): Promise<Html> {
  if (lines.length === 0) return html`<p class="empty">${caption}: no line.</p>`;
  const rows = await takeWithin(lines.map(lineRow), MOST_MARKUP);
  const left = lines.length - rows.length;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table class="lines">
      <caption>${caption}</caption>
      <thead><tr><th scope="col">Old</th><th scope="col">New</th><th scope="col">Line</th></tr></thead>
      <tbody>${rows}</tbody></table></div>
    ${left > 0 ? html`<p class="notice">and ${count(left, 'more line')}</p>` : ''}`;
}

function lineRow({ kind, new: fresh, old, text }: ComparedLine): Html {
  const shown = shownLine(text, kind === 'same' ? '' : '␍');
  const line =
    kind === 'removed' ? html`<del>${shown}</del>` : kind === 'added' ? html`<ins>${shown}</ins>` : html`${shown}`;
  return html`<tr class="${kind}"><td>${old ?? ''}</td><td>${fresh ?? ''}</td><td><pre>${line}</pre></td></tr>`;
}

/** Where a line has changed, it may be its end that has. */
function shownLine(text: string, returned: string): string {
  const line = text.endsWith('\r') ? `${text.slice(0, -1)}${returned}` : text;
  const cut = line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line;
  return cut.split('\t').map(printable).join('\t');
}

const LONGEST_LINE = 500;
const MOST_MARKUP = 150_000;
