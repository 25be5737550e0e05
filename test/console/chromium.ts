import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { Role } from '#functions/console/session.ts';
import type { ServedConsole } from './served-console.ts';

export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

/** Said by a test that is skipped; `undefined` where there is one. */
export const NO_CHROMIUM = CHROMIUM === undefined ? 'there is no Chromium on this machine' : undefined;

/** A browser with windows, and what its pages complained of. */
export class Windows {
  readonly complaints: string[] = [];
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async open(): Promise<Windows> {
    const quiet = ['background-networking', 'component-update', 'default-apps', 'sync'].map(
      (name) => `--disable-${name}`,
    );
    const browser = await chromium.launch({
      executablePath: CHROMIUM ?? '',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', ...quiet],
    });
    return new Windows(browser);
  }

  /** Of somebody who is signed in, in a browser of his own. */
  async of(served: ServedConsole, person: string, more: WindowOptions = {}): Promise<Page> {
    const { roles, ...options } = more;
    const page = await this.ofNobody({ baseURL: served.url, ...options });
    await page.context().addCookies([served.cookieOf(person, roles)]);
    return page;
  }

  /** In a browser that nobody knows. */
  async ofNobody(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await (await this.#browser.newContext(options)).newPage();
    page.on('pageerror', ({ message }) => this.complaints.push(message));
    page.on('console', (line) => line.type() === 'error' && this.complaints.push(line.text()));
    return page;
  }

  /** All windows, and what they said. */
  async closeAll(): Promise<void> {
    await Promise.all(this.#browser.contexts().map((context) => context.close()));
    this.complaints.length = 0;
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

export interface WindowOptions extends BrowserContextOptions {
  readonly roles?: readonly Role[];
}

/** What would keep a person out, and what is wider than the window: in both themes, at a desk and on a phone. */
export async function findBarriers(page: Page): Promise<string[]> {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(axe);
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of WIDTHS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      const violations = await page.evaluate<readonly Violation[]>('axe.run().then((r) => r.violations)');
      for (const { id, nodes } of violations) found.push(`${id} at ${nodes[0]?.html ?? ''}, ${colorScheme}, ${width}`);
      const shown = await page.evaluate<number>('document.documentElement.scrollWidth');
      if (shown > width) found.push(`${shown} pixels wide, ${colorScheme}, ${width}`);
    }
  }
  return found;
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

const WIDTHS = [1280, 390];
