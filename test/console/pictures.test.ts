import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { env } from 'node:process';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConsoleUnderTest } from './browser.ts';
import { NO_CHROMIUM, Windows } from './chromium.ts';
import { createPlant, NOW, type Plant } from './plant.ts';
import { ServedConsole } from './served-console.ts';

interface Picture {
  readonly name: string;
  readonly path: (plant: Plant) => string;
  readonly colorScheme: 'light' | 'dark';
  readonly viewport: { readonly width: number; readonly height: number };
}

/** Of a plant in which it is always the same moment, so that they change only when the console does. */
const PICTURES: readonly Picture[] = [
  { name: 'fleet', path: () => '/', colorScheme: 'light', viewport: { width: 1180, height: 800 } },
  {
    name: 'approval',
    path: ({ waiting }) => `/approvals/${waiting}`,
    colorScheme: 'light',
    viewport: { width: 1180, height: 860 },
  },
  {
    name: 'sync',
    path: ({ running }) => `/syncs/${running}`,
    colorScheme: 'light',
    viewport: { width: 1180, height: 1220 },
  },
  {
    name: 'phone',
    path: ({ running }) => `/syncs/${running}`,
    colorScheme: 'dark',
    viewport: { width: 390, height: 780 },
  },
];

const FOLDER = new URL('../../docs/pictures/', import.meta.url);
const README = new URL('../../README.md', import.meta.url);
const RENEW = 'npm run pictures';
const writes = env.PICTURES === 'write';
let plant: Plant;

beforeAll(async () => {
  plant = await createPlant();
});

/** What the picture of a page rests on: what it says, and the style and script that it names by their digests. */
async function digestOf({ path, viewport, colorScheme }: Picture): Promise<string> {
  const underTest = new ConsoleUnderTest({ store: plant.store, controlKey: plant.controlKey, now: () => NOW });
  const { text } = await underTest.signIn(PERSON).get(path(plant));
  const hash = createHash('sha256').update(JSON.stringify({ viewport, colorScheme }));
  return hash.update(text.replaceAll(/name="formKey" value="[^"]*"/g, '')).digest('hex');
}

function readDigests(): Readonly<Record<string, string>> {
  return JSON.parse(readFileSync(new URL('digests.json', FOLDER), 'utf8'));
}

describe('drawing the pictures of the console', () => {
  it('writes each, and what it shows', async (context) => {
    context.skip(!writes, `they are drawn by ${RENEW} alone`);
    context.skip(NO_CHROMIUM !== undefined, NO_CHROMIUM);
    mkdirSync(FOLDER, { recursive: true });
    const windows = await Windows.open();
    const served = await ServedConsole.serve({ store: plant.store, controlKey: plant.controlKey, now: () => NOW });
    const digests: Record<string, string> = {};
    for (const picture of PICTURES) {
      const { colorScheme, name, path, viewport } = picture;
      const page = await windows.of(served, PERSON, { colorScheme, viewport, locale: 'en-GB', timezoneId: 'UTC' });
      await page.goto(path(plant));
      await page.screenshot({ path: new URL(`${name}.png`, FOLDER).pathname, animations: 'disabled', caret: 'hide' });
      digests[name] = await digestOf(picture);
    }
    await windows.close();
    await served.stop();
    writeFileSync(new URL('digests.json', FOLDER), `${JSON.stringify(digests, null, 2)}\n`);
  });
});

describe('the pictures of the console', () => {
  it.each(PICTURES)('still show what the page $name shows', async (picture) => {
    const { name } = picture;
    const why = `docs/pictures/${name}.png shows a page that is another one now: draw it anew with ${RENEW} (takes a Chromium), and look at it`;
    expect(readDigests()[name], why).toBe(await digestOf(picture));
  });

  it.each(PICTURES)('are small, and the README shows $name with words for those who do not see it', ({ name }) => {
    expect(readFileSync(new URL(`${name}.png`, FOLDER)).length).toBeLessThan(150_000);
    expect(readFileSync(README, 'utf8')).toMatch(
      new RegExp(`(!\\[[^\\]]{20,}\\]\\(|alt="[^"]{20,}" src=")docs/pictures/${name}\\.png`),
    );
  });
});

const PERSON = 'shift lead';
