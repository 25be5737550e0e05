import { html } from 'hono/html';
import type { Operation, PlannedDestination } from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import type { SyncId } from '#core/sync.ts';
import { count } from '../../count.ts';
import type { ConsoleContext } from '../console-parts.ts';
import type { OperationFilter } from '../find-operations.ts';
import { choiceField, textField } from '../parts/field.ts';
import type { Html } from '../parts/layout.ts';
import { shownPath } from '../parts/paths.ts';
import { badge, bytes, type Tone } from '../parts/words.ts';

type Changes = Extract<PlannedDestination, { readonly outcome: 'changes' }>;

/** Of the address; what is no change or class finds everything. */
export function readFilter({ req }: ConsoleContext): OperationFilter {
  const change = CHANGES.find((one) => one === req.query('change'));
  const wanted = req.query('class') ?? '';
  return {
    change,
    class: wanted === '' ? undefined : wanted,
    find: (req.query('find') ?? '').trim(),
    after: req.query('after') ?? '',
  };
}

interface FilterShown {
  readonly filter: OperationFilter;
  readonly here: string;
  readonly planned: Changes;
}

export function filterForm({ filter, here, planned }: FilterShown): Html {
  const { counts } = planned;
  const files = counts.create + counts.update + counts.remove;
  return html`<h2>Files</h2>
    <p class="summary">${count(files, 'file')} in all, in order of their paths.</p>
    <form method="get" action="${here}" class="filter">
      ${choiceField({
        name: 'change',
        label: 'Change',
        hint: 'What happens to the file.',
        value: filter.change ?? '',
        options: [['', 'all'], ...CHANGES.map((change) => [change, WORDS[change]] as const)],
      })}
      ${choiceField({
        name: 'class',
        label: 'Class',
        hint: 'What kind of file the profile says that it is.',
        value: filter.class ?? '',
        options: [['', 'all'], ...Object.keys(planned.classes).map((name) => [name, printable(name)] as const)],
      })}
      ${textField({ name: 'find', label: 'Path', type: 'search', value: filter.find, hint: 'A part of the path; upper and lower case are the same.' })}
      <button>Show</button>
    </form>`;
}

interface OperationsShown {
  readonly operations: readonly Operation[];
  readonly planned: Changes;
  readonly sync: SyncId;
}

export function* operationRows({ operations, planned, sync }: OperationsShown): Generator<Html> {
  const { localEdits, server } = planned;
  const edited = new Set(localEdits?.files.map(({ path }) => path));
  for (const operation of operations) {
    const { change, path } = operation;
    const isFile = change !== 'create-folder' && change !== 'remove-folder';
    const name = html`<code>${shownPath(path)}</code>`;
    const file = `/syncs/${sync}/differences/${server}/file?${new URLSearchParams({ path })}`;
    yield html`<tr><td>${badge(TONES[change], WORDS[change])}${edited.has(path) ? html` ${badge('warning', 'changed there')}` : ''}</td>
      <td>${isFile ? operation.class : ''}</td>
      <td>${isFile ? html`<a href="${file}">${name}</a>` : name}</td>
      <td>${sizesOf(operation)}</td><td><code>${digestsOf(operation)}</code></td></tr>`;
  }
}

/** The rows are made before, for as many as there is room for. */
export function operationTable(rows: readonly Html[]): Html {
  if (rows.length === 0)
    return html`<p class="empty">No file fits: choose all changes and all classes, or another part of the path.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Files that change"><table>
      <caption>Files that change</caption>
      <thead><tr><th scope="col">Change</th><th scope="col">Class</th><th scope="col">Path</th><th scope="col">Size</th><th scope="col">SHA-256</th></tr></thead>
      <tbody>${rows}</tbody></table></div>`;
}

function sizesOf(operation: Operation): string {
  switch (operation.change) {
    case 'create':
      return bytes(operation.size);
    case 'update':
      return `${bytes(operation.former.size)} → ${bytes(operation.size)}`;
    case 'remove':
      return bytes(operation.former.size);
    case 'create-folder':
    case 'remove-folder':
      return '';
  }
}

function digestsOf(operation: Operation): string {
  switch (operation.change) {
    case 'create':
      return operation.sha256.slice(0, DIGITS);
    case 'update':
      return `${operation.former.sha256.slice(0, DIGITS)} → ${operation.sha256.slice(0, DIGITS)}`;
    case 'remove':
      return operation.former.sha256.slice(0, DIGITS);
    case 'create-folder':
    case 'remove-folder':
      return '';
  }
}

const CHANGES = ['create', 'update', 'remove', 'create-folder', 'remove-folder'] as const;
export const WORDS: Readonly<Record<Operation['change'], string>> = {
  create: 'created',
  update: 'updated',
  remove: 'removed',
  'create-folder': 'folder created',
  'remove-folder': 'folder removed',
};
const TONES: Readonly<Record<Operation['change'], Tone>> = {
  create: 'good',
  update: 'warning',
  remove: 'bad',
  'create-folder': 'plain',
  'remove-folder': 'plain',
};
const DIGITS = 8;
