/** Without the key of a link that works once: who reads the log must not be able to enter by it. */
export function pathForLog(path: string): string {
  return (path.startsWith('/enter/') ? '/enter/' : path).slice(0, LONGEST);
}

const LONGEST = 200;
