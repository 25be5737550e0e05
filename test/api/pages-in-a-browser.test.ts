import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { findBarriers, NO_CHROMIUM, Windows } from '#test/console/chromium.ts';
import { ServedConsole } from '#test/console/served-console.ts';
import { type PlannedFleet, planFleet } from '#test/functions/planned-fleet.ts';

if (NO_CHROMIUM !== undefined) console.warn(`pages of the API are not looked at in a browser: ${NO_CHROMIUM}`);

describe.skipIf(NO_CHROMIUM !== undefined)('in a browser', () => {
  let windows: Windows;
  let planned: PlannedFleet;
  let served: ServedConsole;

  beforeAll(async () => {
    windows = await Windows.open();
  });

  afterAll(() => windows.close());

  beforeEach(async () => {
    planned = await planFleet(1);
    served = await ServedConsole.serve({
      store: planned.fleet.store,
      controlKey: planned.dependencies.signer.publicKey,
    });
    onTestFinished(() => served.stop());
  });

  afterEach(async () => {
    await windows.closeAll();
    await planned.fleet.end();
  });

  it('the description of the API keeps nobody out, and every document opens', async () => {
    const page = await windows.of(served, 'ann');
    await page.goto('/api');
    for (const details of await page.locator('details').all())
      await details.evaluate((one) => one.setAttribute('open', ''));
    expect(await page.locator('pre').first().isVisible()).toBe(true);
    expect(await findBarriers(page)).toEqual([]);
    expect(windows.complaints).toEqual([]);
  });

  it('a token is made, copied, used and revoked', async () => {
    const page = await windows.of(served, 'ann');
    await page.goto('/');
    await page.getByRole('link', { name: 'ann: access tokens' }).click();
    expect(await findBarriers(page)).toEqual([]);
    await page.getByLabel('What it is for').fill('<i>report</i>');
    await page.getByRole('button', { name: 'Make the token' }).click();
    const token = await page.getByText(/^lockstep_/).textContent();
    expect(await findBarriers(page)).toEqual([]);
    const ask = async () => await fetch(`${served.url}/api/v1/me`, { headers: { Authorization: `Bearer ${token}` } });
    expect(await (await ask()).json()).toMatchObject({ person: 'ann', roles: ['viewer'] });
    await page.getByRole('link', { name: 'Back to your tokens' }).click();
    expect(await findBarriers(page)).toEqual([]);
    await page.getByRole('button', { name: 'Revoke <i>report</i>' }).click();
    await page.getByText('You have no token yet').waitFor();
    expect((await ask()).status).toBe(401);
    expect(windows.complaints).toEqual([]);
  });
});
