import * as z from 'zod';
import { isLoopback } from './loopback.ts';
import type { SyncId } from './sync.ts';

/** Where people find the console: a link to it stands in mails. */
export const consoleUrlSchema = z
  .string()
  .max(300)
  .refine(isConsoleUrl, 'expected the address of the console, such as https://lockstep.example.org, and no path');

/** It shows the plan; nothing is decided by following it. */
export function approvalLink(consoleUrl: string, sync: SyncId): string {
  return new URL(`/approvals/${sync}`, consoleUrl).href;
}

/** How that sync goes, or went. */
export function syncLink(consoleUrl: string, sync: SyncId): string {
  return new URL(`/syncs/${sync}`, consoleUrl).href;
}

/** Without TLS only on this machine, for whoever signs in there would be heard by others. */
function isConsoleUrl(text: string): boolean {
  if (!URL.canParse(text) || /[^!-~]/.test(text)) return false;
  const { hash, hostname, password, pathname, protocol, search, username } = new URL(text);
  if ([hash, password, search, username].some((part) => part !== '') || pathname !== '/') return false;
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}
