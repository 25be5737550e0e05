import { html } from 'hono/html';
import type { Html } from './layout.ts';

export interface Field {
  readonly name: string;
  readonly label: string;
  /** What it does, in plain words; read out with the field. */
  readonly hint: Html | string;
}

export interface TextField extends Field {
  readonly type: 'text' | 'search' | 'date' | 'number';
  readonly value: string;
}

export function textField({ hint, label, name, type, value }: TextField): Html {
  return html`<div class="field"><label for="field-${name}">${label}</label>
      <input id="field-${name}" name="${name}" type="${type}" value="${value}" aria-describedby="field-${name}-hint">
      ${hintOf(name, hint)}</div>`;
}

export interface ChoiceField extends Field {
  readonly value: string;
  /** Value and what is said of it. */
  readonly options: readonly (readonly [string, string])[];
}

export function choiceField({ hint, label, name, options, value }: ChoiceField): Html {
  return html`<div class="field"><label for="field-${name}">${label}</label>
      <select id="field-${name}" name="${name}" aria-describedby="field-${name}-hint">${options.map(
        ([one, said]) => html`<option value="${one}"${one === value ? html` selected` : ''}>${said}</option>`,
      )}</select>
      ${hintOf(name, hint)}</div>`;
}

export interface CheckField extends Field {
  readonly isChecked: boolean;
}

export function checkField({ hint, isChecked, label, name }: CheckField): Html {
  return html`<div class="field"><input id="field-${name}" name="${name}" type="checkbox" value="yes"${checked(isChecked)}
        aria-describedby="field-${name}-hint"> <label for="field-${name}">${label}</label>
      ${hintOf(name, hint)}</div>`;
}

export function checked(is: boolean): Html | string {
  return is ? html` checked` : '';
}

function hintOf(name: string, hint: Html | string): Html {
  return html`<p class="hint" id="field-${name}-hint">${hint}</p>`;
}
