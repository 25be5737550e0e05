import type { ConsoleContext } from '../console-parts.ts';
import { localPath } from './local-path.ts';

/** The page that somebody was at, or wanted to see, when he was refused. */
export function askedFor({ req }: ConsoleContext): string {
  const { pathname, search } = new URL(req.url);
  if (req.method === 'GET' || req.method === 'HEAD') return localPath(`${pathname}${search}`);
  // What a form is sent to need not be a page.
  const from = req.header('Referer') ?? '';
  if (!URL.canParse(from)) return '/';
  const page = new URL(from);
  return localPath(`${page.pathname}${page.search}`);
}
