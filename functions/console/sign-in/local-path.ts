/**
 * Where a person wanted to go, as path and query of this console; `/` for whatever might lead elsewhere, or back into
 * the sign-in. Anybody may have written it.
 */
export function localPath(wanted: string | undefined): string {
  if (wanted === undefined || wanted.length > LONGEST || !isLocal(wanted)) return '/';
  const url = new URL(wanted, BASE);
  // Dots are taken out on the way: `/.//example.org` has become another host's address.
  const path = `${url.pathname}${url.search}`;
  return url.origin === BASE && isLocal(path) && !PASSAGES.test(path) ? path : '/';
}

/** For a browser a backslash is a slash, and two of them begin a host. */
function isLocal(path: string): boolean {
  return /^\/(?!\/)[!-[\]-~]*$/.test(path);
}

const BASE = 'http://console.invalid';
const PASSAGES = /^\/(?:sign-in|signed-out|enter|leave)(?:[/?]|$)/;
const LONGEST = 1000;
