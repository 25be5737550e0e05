import { html } from 'hono/html';
import { duration } from '#core/duration.ts';
import type { Fleet } from '#core/fleet.ts';
import { count } from '../../count.ts';
import type { ServerOverview } from '../../observe/look-at-servers.ts';
import { checked, checkField, textField } from '../parts/field.ts';
import type { Html } from '../parts/layout.ts';
import { steps } from '../parts/steps.ts';
import { table } from '../parts/table.ts';
import { badge } from '../parts/words.ts';
import type { Choice, Problem } from '../read-choice.ts';

export interface ShownServers {
  readonly servers: readonly ServerOverview[];
  /** More that fit what is looked for. */
  readonly left: number;
  readonly now: Date;
}

export interface SynchronizeForm {
  readonly fleet: Fleet;
  readonly choice: Choice;
  readonly problems: readonly Problem[];
  readonly formKey: string;
  readonly servers: ShownServers;
}

/** Source and destinations, and what may be done there. */
export function synchronizeForm({ choice, formKey, problems, servers }: SynchronizeForm): Html {
  return html`<h1>Synchronize Configurations</h1>
    ${steps(1)}
    ${problemList(problems)}
    <form method="post" action="/synchronize" class="wizard">
      <input type="hidden" name="formKey" value="${formKey}">
      <h2 id="parties">Source and destinations</h2>
      <p>One way: the files of the <b>source</b> overwrite the corresponding files of every <b>destination</b>. Nothing is
        merged, and licenses are never touched. Nothing is written before somebody has approved the differences.</p>
      ${findField(choice)}
      ${serverTables(choice, servers)}
      ${modeFields(choice)}
      ${allowances(choice)}
      <p><button class="primary" name="action" value="begin">Compare them</button>
        <small>This only takes stock and shows the differences.</small></p>
    </form>`;
}

function problemList(problems: readonly Problem[]): Html | string {
  if (problems.length === 0) return '';
  return html`<div class="notice problems" role="alert" tabindex="-1"><h2>Nothing was begun yet</h2>
      <ul>${problems.map(({ id, text }) => html`<li><a href="#${id}">${text}</a></li>`)}</ul></div>`;
}

/** The form's first button, which is what Enter in a field stands for. */
function findField({ find }: Choice): Html {
  return html`<div class="field"><label for="field-find">Find servers</label>
      <input id="field-find" name="find" type="search" value="${find}" data-filters="servers" aria-describedby="field-find-hint">
      <button name="action" value="find">Find</button>
      <p class="hint" id="field-find-hint">Part of a site or a name; several words find the servers of each. What is ticked
        stays.</p></div>`;
}

function serverTables(choice: Choice, { left, now, servers }: ShownServers): Html {
  const sites = Map.groupBy(servers, ({ server }) => siteOf(server));
  const empty = html`<p class="empty">No server fits ${choice.find}: look for another part of its name.</p>`;
  return html`<div id="servers" tabindex="-1">
      <p class="hint" id="source-hint"><b>Source</b>: the one server whose files are right. <b>Destination</b>: every server
        that is to be made like it. A whole site can be ticked at once; the source itself is left out of it.</p>
      ${sites.size === 0 ? empty : [...sites].map(([site, some]) => siteTable(site, some, { choice, now }))}
      ${left === 0 ? '' : html`<p class="notice">${count(left, 'more server')} fit: say more of the name to see them.</p>`}
    </div>`;
}

interface Shown {
  readonly choice: Choice;
  readonly now: Date;
}

function siteTable(site: string, servers: readonly ServerOverview[], { choice, now }: Shown): Html {
  const { destinations, sites, source } = choice;
  return html`${table({
    caption: `Site ${site}`,
    columns: ['Server', 'Source', 'Destination', 'Agent'],
    rows: servers.map((one) => {
      const { server } = one;
      return [
        server,
        html`<input type="radio" name="source" value="${server}" aria-label="${server} as the source" aria-describedby="source-hint"${checked(server === source)}>`,
        html`<input type="checkbox" name="destination" value="${server}" aria-label="${server} as a destination"${checked(destinations.includes(server))}>`,
        agentOf(one, now),
      ];
    }),
    empty: 'This site names no server.',
  })}
    <p><label><input type="checkbox" name="site" value="${site}"${checked(sites.includes(site))}> All servers of site ${site} as
      destinations</label></p>`;
}

function agentOf({ offline, status, trouble }: ServerOverview, now: Date): Html {
  if (trouble !== undefined) return badge('bad', trouble.kind === 'stale-view' ? 'stale view' : 'bad status');
  if (status === undefined) return badge('bad', 'never seen');
  if (!offline) return badge('good', 'online');
  return badge('bad', `offline for ${duration(Math.max(0, now.getTime() - Date.parse(status.seenAt)))}`);
}

function modeFields({ dryRun, mode, only }: Choice): Html {
  const radio = (value: string, title: string, hint: string) =>
    html`<div class="field"><input id="field-mode-${value}" name="mode" type="radio" value="${value}"${checked(mode === value)}
        aria-describedby="field-mode-${value}-hint"> <label for="field-mode-${value}">${title}</label>
      <p class="hint" id="field-mode-${value}-hint">${hint}</p></div>`;
  return html`<fieldset id="field-mode" tabindex="-1"><legend>What happens at the destinations</legend>
      ${radio('overwrite', 'Overwrite', 'Files of the source are created or overwritten. Files that only a destination has are kept.')}
      ${radio('mirror', 'Mirror', 'As Overwrite; and files that the source does not have are removed at the destination.')}
    </fieldset>
    ${textField({
      name: 'only',
      label: 'Only these classes',
      type: 'text',
      value: only,
      hint: 'Classes of the profile, such as configuration or firmware, with spaces between them. Empty: all that travel.',
    })}
    ${checkField({
      name: 'dry-run',
      label: 'Only look',
      isChecked: dryRun,
      hint: 'Shows the differences and ends there: nobody is asked, and nothing is written.',
    })}`;
}

/** What guards against mistakes, and how to say that this is none. */
function allowances(choice: Choice): Html {
  const { allowDowngrade, allowShrink, allowVanished, maxRemovals } = choice;
  const isUsed = allowDowngrade || allowShrink || allowVanished !== '' || maxRemovals !== '';
  return html`<details${isUsed ? html` open` : ''}><summary>What this sync may do although it looks like a mistake</summary>
      <p>A destination is refused when a sync looks like an accident. Whoever approves sees what is allowed here.</p>
      ${checkField({
        name: 'allow-shrink',
        label: 'The source may be much smaller',
        isChecked: allowShrink,
        hint: 'Otherwise refused: a source that is empty or has less than half of what a destination has, and a mirror that leaves less than half.',
      })}
      ${checkField({
        name: 'allow-downgrade',
        label: 'The source may have an older product',
        isChecked: allowDowngrade,
        hint: 'Otherwise refused: a source whose product version is older than that of a destination, or is not known.',
      })}
      ${textField({
        name: 'allow-vanished',
        label: 'Classes that the source may have lost',
        type: 'text',
        value: allowVanished,
        hint: 'Otherwise refused: a class that the source no longer has at all while the destination does. With spaces between them.',
      })}
      ${textField({
        name: 'max-removals',
        label: 'Removals that need no confirmation of their own, in percent',
        type: 'number',
        value: maxRemovals,
        hint: 'When a mirror removes a larger share of the files of a destination, whoever approves has to name their number. Empty: 10, and up to ten files always.',
      })}
    </details>`;
}

function siteOf(server: string): string {
  return server.split('/')[0] ?? '';
}

export const ONLY_LOOKS = html`<h1>Synchronize Configurations</h1>
  <p class="notice">Only an operator can begin a sync; you may look at those that are under way in <a href="/history">History</a>.
  Ask whoever gives out the roles if you should be able to.</p>`;
