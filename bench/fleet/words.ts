import { Dice } from './randomness.ts';

export const SITES = ['akron', 'bergen', 'cadiz', 'delft', 'espoo', 'fargo', 'genoa', 'hull'] as const;

export const WORDS = [
  ...['terminal', 'server', 'display', 'client', 'session', 'group', 'profile', 'firmware', 'module', 'network'],
  ...['address', 'gateway', 'shadow', 'failover', 'backup', 'primary', 'monitor', 'keyboard', 'touch', 'screen'],
  ...['resolution', 'color', 'depth', 'timeout', 'retry', 'enabled', 'disabled', 'schedule', 'event', 'relevance'],
  ...['location', 'user', 'access', 'policy', 'plant', 'line', 'packaging', 'bottling', 'mixer', 'boiler', 'panel'],
  ...['historian', 'alarm', 'batch', 'recipe', 'operator', 'engineer', 'station'],
] as const;

export function padNumber(number: number | string, digits: number): string {
  return String(number).padStart(digits, '0');
}

/** A few megabytes of configuration-like text, from which small files take a window each. */
export function wordPool(): Buffer {
  const dice = new Dice('word-pool');
  const lines: string[] = [];
  for (let line = 0; line < 40_000; line++) {
    const name = `${dice.oneOf(WORDS)}.${dice.oneOf(WORDS)}`;
    lines.push(`${name} = ${dice.between(0, 65_535)} ${dice.oneOf(WORDS)}\n`);
  }
  return Buffer.from(lines.join(''), 'latin1');
}
