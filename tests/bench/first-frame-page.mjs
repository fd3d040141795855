// SPDX-License-Identifier: GPL-2.0-or-later
// The browser's rows of first-frame: from the press of Open to a painted picture, and from a reload of the viewer to one. Times are
// taken in the page. Arguments: INSTANCE.JSON ROUNDS. Prints rows of a Markdown table.
import { readFileSync } from 'node:fs';
import { launch, person, picture, waitFor, waitState, visit } from '../lib/browser.mjs';

const instance = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const rounds = Number(process.argv[3] ?? 5);
const user = instance.users.find((one) => !one.admin);
const browser = await launch();
const opened = [];
const again = [];


/** Looks every animation frame, so that looking costs no round trip. */
const untilConnected = (page) => page.evaluate(() => new Promise((done) => {
	const look = () => (document.body.dataset.state === 'connected' ? done(performance.now()) : requestAnimationFrame(look));
	look();
}));

for (let round = 0; round < rounds; round++) {
	const context = await person(browser, instance.portal);
	const page = await context.newPage();
	await visit(page, '/');
	await waitState(page, 'signed-out');
	await page.fill('#user', user.name);
	await page.fill('#password', user.password);
	await page.press('#password', 'Enter');
	await waitState(page, 'portal');
	// A spare must be ready, or this measures a boot.
	await waitFor('a desktop to boot', 180_000, async () => {
		const pools = await (await context.request.get('/api/v1/pools')).json();
		return pools.length > 0;
	});
	await page.waitForTimeout(round === 0 ? 1000 : 40_000);
	await page.locator('.card .big').first().waitFor();
	const pressed = await page.evaluate(() => {
		const now = performance.now();
		/** @type {HTMLElement} */ (document.querySelector('.card .big')).click();
		return now;
	});
	opened.push((await untilConnected(page)) - pressed);
	await waitFor('a picture', 60_000, async () => ((await picture(page))?.colours ?? 0) > 8);
	await page.reload({ waitUntil: 'commit' });
	again.push(await untilConnected(page));
	await context.request.post('/api/v1/sign-out', { data: {}, headers: { Origin: instance.portal } });
	await context.close();
}
await browser.close();

const row = (name, figures) => {
	const sorted = [...figures].sort((a, b) => a - b);
	const ms = (value) => value.toFixed(0);
	console.log(`| ${name} | browser (Chromium) | ${sorted.length} | ${ms(sorted[Math.floor(sorted.length / 2)])} | ${ms(sorted[0])} | ${ms(sorted.at(-1))} |`);
};
row('spare desktop: press of Open to a painted picture', opened);
row('reload of the viewer to a painted picture', again);
