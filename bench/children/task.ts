/** What the parent wants, as it put it on the command line. */
export function readTask<T>(): T {
  const [, , text = ''] = process.argv;
  return JSON.parse(text) as T;
}

export function reportResult<T>(result: T): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
