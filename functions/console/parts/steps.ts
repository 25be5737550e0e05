import { html } from 'hono/html';
import type { SyncPhase } from '../../observe/observe-sync.ts';
import type { Html } from './layout.ts';

export type Step = 1 | 2 | 3 | 4;

/** Where one is in Synchronize Configurations. */
export function steps(current: Step): Html {
  return html`<ol class="steps" aria-label="Steps of Synchronize Configurations">${STEPS.map((title, index) => {
    const isCurrent = index + 1 === current;
    const state = index + 1 < current ? 'done' : isCurrent ? 'current' : 'later';
    return html`<li class="${state}"${isCurrent ? html` aria-current="step"` : ''}>${title}</li>`;
  })}</ol>`;
}

export function stepOf(phase: SyncPhase): Step {
  switch (phase) {
    case 'inventory':
    case 'planning':
      return 2;
    case 'approval':
      return 3;
    case 'applying':
    case 'done':
      return 4;
  }
}

const STEPS = ['Choose source and destinations', 'Look at the differences', 'Confirm', 'Progress and result'] as const;
