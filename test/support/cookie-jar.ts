export type Fetch = (request: Request) => Promise<Response>;

/** What a browser does between the servers of a test: keeps their cookies apart, and follows where they send it. */
export class CookieJar {
  readonly #servers: Readonly<Record<string, Fetch>>;
  /** Origin and path, to their cookies. */
  readonly #cookies = new Map<string, Map<string, string>>();

  /** Those that no fetch is given for are asked over the network. */
  constructor(servers: Readonly<Record<string, Fetch>>) {
    this.#servers = servers;
  }

  cookiesOf(origin: string, path = '/'): Map<string, string> {
    const cookies = this.#cookies.get(`${origin}${path}`) ?? new Map<string, string>();
    this.#cookies.set(`${origin}${path}`, cookies);
    return cookies;
  }

  /** One answer, wherever it leads. */
  async ask(url: string, init: RequestInit = {}): Promise<Response> {
    const { origin } = new URL(url);
    const cookies = [...this.#cookies].flatMap(([place, some]) => (url.startsWith(place) ? [...some] : []));
    const headers = new Headers(init.headers);
    if (cookies.length > 0) headers.set('Cookie', cookies.map((cookie) => cookie.join('=')).join('; '));
    const request = new Request(url, { ...init, headers, redirect: 'manual' });
    const answer = await (this.#servers[origin] ?? fetch)(request);
    for (const line of answer.headers.getSetCookie())
      keep(this.cookiesOf(origin, /; *path=([^;]+)/i.exec(line)?.[1]), line);
    return answer;
  }

  /** Where it comes out in the end. */
  async follow(url: string, init: RequestInit = {}): Promise<{ readonly url: string; readonly answer: Response }> {
    let at = url;
    let answer = await this.ask(at, init);
    for (let steps = 0; steps < MOST_STEPS && answer.headers.has('Location'); steps++) {
      at = new URL(answer.headers.get('Location') ?? '', at).href;
      answer = await this.ask(at);
    }
    return { url: at, answer };
  }
}

function keep(cookies: Map<string, string>, line: string): void {
  const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
  const isGone = /; *max-age=0/i.test(line) || Date.parse(/expires=([^;]+)/i.exec(line)?.[1] ?? '') <= Date.now();
  if (isGone) cookies.delete(name);
  else cookies.set(name, value);
}

const MOST_STEPS = 10;
