// SPDX-License-Identifier: GPL-2.0-or-later
// The second monitor in a window of Chromium: opened, drawn, pointed at, resized, blocked, closed. Run by tests/system/monitors:
//   node monitors.mjs PORTAL USER PASSWORD DESKTOP
import { check, launch, person, picture, shot, waitFor, waitState, visit } from '../lib/browser.mjs';

const [portal, user, password, desktop] = process.argv.slice(2);
const GUEST_MS = 60_000;
const browser = await launch();
const complaints = [];

/** The canvas of the window, and how many colours a part of it has. @param {import('playwright-core').Page} page */
const seen = (page) => page.evaluate(() => {
	const canvas = document.querySelector('canvas');
	if (!canvas || canvas.hidden)
		return null;
	const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
	const colours = new Set();
	let sum = 0;
	for (let i = 0; i < data.length; i += 4) {
		colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
		sum = (sum * 31 + data[i] + data[i + 1] * 3 + data[i + 2] * 7) | 0;
	}
	return { width: canvas.width, height: canvas.height, colours: colours.size, sum };
});
const mainSize = (page) => page.evaluate(() => {
	const canvas = document.querySelector('.mount canvas:not(.ghost)');
	return [canvas.width, canvas.height].join('x');
});

/** @param {import('playwright-core').Page} tab */
async function wayOut(tab) {
	for (const key of ['Control', 'Alt', 'Shift'])
		await tab.keyboard.down(key);
	for (const key of ['Shift', 'Alt', 'Control'])
		await tab.keyboard.up(key);
}

try {
	const context = await person(browser, portal);
	const page = await context.newPage();
	for (const type of ['pageerror', 'console'])
		context.on(type === 'console' ? 'console' : 'weberror', (message) => {
			const text = type === 'console' ? (message.type() === 'error' ? message.text() : '') : String(message.error());
			if (/Content Security Policy|Trusted|violat|Uncaught|Error/i.test(text) && !/404|401/.test(text))
				complaints.push(text);
		});
	await visit(page, '/');
	await page.fill('#user', user, { timeout: 60_000 });
	await page.fill('#password', password);
	await page.press('#password', 'Enter');
	await waitState(page, 'portal');
	await visit(page, `/#/desktop/${desktop}`);
	await waitState(page, 'connected', 120_000);
	await waitFor('a picture', 30_000, async () => ((await picture(page))?.colours ?? 0) > 3);
	const size = await page.evaluate(() => [innerWidth, innerHeight].join('x'));
	await waitFor('a desktop as large as the window', GUEST_MS, async () => (await mainSize(page)) === size);

	// By keyboard alone: the way out leads to the tool bar, whose button opens the window.
	const button = page.locator('.bar button', { hasText: 'Second monitor' }); // hidden while the tool bar is closed
	await wayOut(page);
	await button.focus();
	const came = context.waitForEvent('page');
	await page.keyboard.press('Enter');
	const second = await came;
	await second.waitForLoadState();
	check(await button.getAttribute('aria-pressed') === 'true', 'the button does not say that the monitor is open');
	await second.setViewportSize({ width: 1000, height: 700 });
	const wanted = async () => second.evaluate(() => [innerWidth, innerHeight]);
	await waitFor('the second monitor', GUEST_MS, async () => {
		const [width, height] = await wanted();
		const now = await seen(second);
		return now?.width === width && now.height === height && now.colours > 8;
	});
	await shot(second, 'second-monitor');
	check(await mainSize(page) === size, `the main window shows ${await mainSize(page)} and not the first monitor alone, ${size}`);
	check(await second.title() !== 'Carrel', 'the window has no title');
	check(await second.getByRole('application').getAttribute('aria-label'), 'the picture has no name');

	// A press of the right button on the empty desktop opens its menu, there and not in the main window.
	const before = await seen(second);
	await second.mouse.click(200, 150, { button: 'right' });
	await waitFor('a menu on the second monitor', 30_000, async () => (await seen(second))?.sum !== before.sum);
	await shot(second, 'second-monitor-menu');
	await second.keyboard.press('Escape');

	// The way out, and back into the picture.
	await wayOut(second);
	check(await second.evaluate(() => document.activeElement.tagName) === 'BUTTON', 'Ctrl+Alt+Shift does not lead out of the picture');
	await wayOut(second);
	check(await second.evaluate(() => document.activeElement.tagName) === 'CANVAS', 'Ctrl+Alt+Shift does not lead back');

	await second.setViewportSize({ width: 900, height: 640 });
	await waitFor('a second monitor of the window’s new size', GUEST_MS, async () => {
		const now = await seen(second);
		return now?.width === 900 && now.height === 640 && now.colours > 8;
	});

	await second.close();
	await waitFor('the button to say that it is closed', 10_000, async () => await button.getAttribute('aria-pressed') === 'false');
	await waitFor('one monitor again', GUEST_MS, async () => (await mainSize(page)) === size);

	// A browser that opens no window.
	await page.evaluate(() => {
		window.open = () => null;
	});
	await wayOut(page);
	await button.focus();
	await page.keyboard.press('Enter');
	await page.getByText('Your browser opened no window').waitFor();
	check(complaints.length === 0, complaints.join('; '));
	console.log('# seen in two windows');
} finally {
	await browser.close();
}
