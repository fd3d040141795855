// SPDX-License-Identifier: GPL-2.0-or-later
// A person's visit in Chromium: sign in, open the desktop of the first pool, use it a little, sign out.
//   node visit.mjs PORTAL USER PASSWORD
// Its status is 0, or 77 when Chromium is not here.
import { check, launch, person, picture, shot, waitFor, waitState, visit } from './browser.mjs';

const [portal, user, password] = process.argv.slice(2);
const browser = await launch();
try {
	const page = await (await person(browser, portal)).newPage();
	await visit(page, '/');
	await page.fill('#user', user, { timeout: 60_000 }); // the first page of a browser that has just been started
	await page.fill('#password', password);
	await page.press('#password', 'Enter');
	await waitState(page, 'portal');
	await visit(page, '/#/open/office');
	await waitState(page, 'connected', 120_000);
	await waitFor('a picture', 30_000, async () => ((await picture(page))?.colours ?? 0) > 3);
	await page.mouse.move(300, 300);
	await page.mouse.click(400, 400);
	await page.keyboard.type('abc');
	await page.setViewportSize({ width: 1000, height: 700 });
	await page.waitForTimeout(1500);
	await shot(page, 'visit');
	check(await picture(page), 'the picture is gone');
	console.log('seen');
} finally {
	await browser.close();
}
