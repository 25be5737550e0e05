import { html } from 'hono/html';

/** Of hono/html: everything put into it is escaped, but for what is this already. */
export type MailHtml = ReturnType<typeof html>;

/** A whole message. Mail programs drop style sheets and scripts, so a style stands where it is needed. */
export async function mailPage(title: string, body: MailHtml): Promise<string> {
  const page = html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="color-scheme" content="light dark">
    <meta name="supported-color-schemes" content="light dark">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>
  </head>
  <body style="font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 1em auto; padding: 0 1em">
    <h1 style="font-size: 20px">${title}</h1>
    ${body}
  </body>
</html>
`;
  return String(await page);
}

export interface MailTable {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (MailHtml | string | number)[])[];
}

/** Nothing where there are no rows; of many or large ones the first. */
export async function mailTable({ caption, columns, rows }: MailTable): Promise<Awaited<MailHtml>> {
  if (rows.length === 0) return await html``;
  const shown = await takeWithin(
    rows.map(
      (row) => html`<tr>${row.map((cell) => html`<td style="${CELL}">${cell}</td>`)}</tr>
      `,
    ),
  );
  const left = rows.length - shown.length;
  return await html`<table style="border-collapse: collapse; margin: 1em 0">
      <caption style="text-align: left; font-weight: bold">${caption}</caption>
      <thead><tr>${columns.map((title) => html`<th scope="col" style="${CELL}">${title}</th>`)}</tr></thead>
      <tbody>${shown}</tbody>
    </table>
    ${left > 0 ? html`<p>${left} more of this table would not fit into a mail.</p>` : ''}`;
}

async function takeWithin(rows: readonly MailHtml[]): Promise<MailHtml[]> {
  const taken: MailHtml[] = [];
  let length = 0;
  for (const row of rows) {
    length += (await row).length;
    if (length > MOST_TABLE) break;
    taken.push(row);
  }
  return taken;
}

/** Characters of markup: mail programs cut off what is longer than about 100 KB, and a mail has three large tables. */
const MOST_TABLE = 28_000;

/** What is named, and what is said of it. */
export function mailFacts(facts: readonly (readonly [string, MailHtml | string])[]): MailHtml {
  return html`<table style="border-collapse: collapse; margin: 1em 0"><tbody>${facts.map(
    ([name, said]) => html`<tr><th scope="row" style="${CELL}">${name}</th><td style="${CELL}">${said}</td></tr>
    `,
  )}</tbody></table>`;
}

export function mailLink(href: string, text: string): MailHtml {
  return html`<p><a href="${href}" style="${BUTTON}">${text}</a></p>
    <p>${href}</p>`;
}

const CELL = 'text-align: left; vertical-align: top; padding: 4px 10px; border: 1px solid #8a96a3';
const BUTTON =
  'display: inline-block; padding: 8px 16px; background: #0b5cad; color: #ffffff; border-radius: 6px; text-decoration: none';
