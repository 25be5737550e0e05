import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ConsoleContext } from './console-parts.ts';

const TYPES = {
  'console.css': 'text/css; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;

type AssetName = keyof typeof TYPES;

interface Asset {
  readonly text: string;
  readonly version: string;
}

/** With the version of its content: a browser may keep it for ever. */
export function assetPath(name: AssetName): string {
  return `/assets/${name}?v=${read(name).version}`;
}

export function serveAsset(context: ConsoleContext): Response {
  const name = context.req.param('name') ?? '';
  if (!isAsset(name)) return context.text('There is no such file.', 404);
  return context.body(read(name).text, 200, {
    'Content-Type': TYPES[name],
    'Cache-Control': 'public, max-age=31536000, immutable',
  });
}

function isAsset(name: string): name is AssetName {
  return Object.hasOwn(TYPES, name);
}

const known = new Map<AssetName, Asset>();

/** Read at its first use: a function that serves no page loads none. */
function read(name: AssetName): Asset {
  const asset = known.get(name) ?? load(name);
  known.set(name, asset);
  return asset;
}

function load(name: AssetName): Asset {
  const text = readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8');
  return { text, version: createHash('sha256').update(text).digest('hex').slice(0, 12) };
}
