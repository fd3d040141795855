// SPDX-License-Identifier: GPL-2.0-or-later
// Chromium for the tests, TAP lines, and what is seen in the viewer's picture.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** How much longer than on a machine with nothing else to do things may take: nothing here asserts a time. */
const PATIENCE = 4;

/** Ends the script as "skipped". @param {string} why */
export function skip(why) {
	console.log(why);
	process.exit(77);
}

/** @returns {Promise<typeof import('playwright-core').chromium>} */
async function chromium() {
	try {
		return (await import('playwright-core')).chromium;
	} catch {
		return skip('playwright-core is not installed: run npm ci in tests/');
	}
}

const EXECUTABLE = process.env.CARREL_CHROMIUM ?? '/usr/bin/chromium';

export async function launch() {
	if (!existsSync(EXECUTABLE))
		skip(`no ${EXECUTABLE}`);
	return (await chromium()).launch({
		executablePath: EXECUTABLE,
		args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
	});
}

/**
 * A person's browser window.
 * @param {import('playwright-core').Browser} browser
 * @param {string} url
 * @param {import('playwright-core').BrowserContextOptions} [more]
 */
export async function person(browser, url, more = {}) {
	const context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: url, viewport: { width: 1280, height: 800 }, locale: 'en-US', ...more });
	context.setDefaultTimeout(15_000 * PATIENCE);
	return context;
}

/**
 * Opens a page, and loads it anew where nothing comes of it, as a person would: Chromium drops requests whenever a network interface of
 * the host comes or goes, and desktops bring some.
 * @param {import('playwright-core').Page} page
 * @param {string} path
 */
export async function visit(page, path) {
	for (let tries = 3; tries > 0; tries--) {
		await page.goto(path);
		const came = page.waitForFunction(() => document.body.dataset.state, null, { timeout: 10_000 });
		if (await came.then(() => true, () => false))
			return;
	}
	throw new Error(`${path} stays blank`);
}

const shots = process.env.CARREL_SHOTS;

/**
 * @param {import('playwright-core').Page} page
 * @param {string} name
 */
export async function shot(page, name) {
	if (!shots)
		return;
	mkdirSync(shots, { recursive: true });
	// A page in trouble may not be painted; the test's own words matter more.
	await page.screenshot({ path: join(shots, `${name}.png`) }).catch(() => {});
}

/**
 * Waits for a true result, or throws words.
 * @template T
 * @param {string} what
 * @param {number} timeoutMs
 * @param {() => Promise<T> | T} condition
 * @returns {Promise<T>}
 */
export async function waitFor(what, timeoutMs, condition) {
	const deadline = Date.now() + timeoutMs * PATIENCE;
	for (;;) {
		const result = await condition();
		if (result)
			return result;
		if (Date.now() > deadline)
			throw new Error(`waited ${timeoutMs * PATIENCE / 1000} s in vain for ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

/**
 * What the browser complains of. Refused requests are part of many tests; anything else is a fault.
 * @param {import('playwright-core').Page} page
 * @param {string[]} complaints where it is put
 */
export function collectComplaints(page, complaints) {
	page.on('pageerror', (error) => complaints.push(String(error)));
	page.on('console', (message) => {
		if (message.type() === 'error' && /Content Security Policy|Trusted|violat|Uncaught/i.test(message.text()))
			complaints.push(message.text());
	});
}

/** @param {unknown} truth @param {string} text */
export function check(truth, text) {
	if (!truth)
		throw new Error(text);
}

/**
 * What the viewer shows: its size, a hash, and how many colours a sample of its pixels has. null: nothing yet.
 * @param {import('playwright-core').Page} page
 */
export function picture(page) {
	return page.evaluate(() => {
		const canvas = /** @type {HTMLCanvasElement | null} */ (document.querySelector('.mount canvas:not(.ghost)'));
		if (!canvas || canvas.width === 0 || canvas.height === 0)
			return null;
		const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
		const colours = new Set();
		let hash = 2166136261;
		for (let i = 0; i < data.length; i += 4) {
			const pixel = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
			hash = Math.imul(hash ^ pixel, 16777619);
			if (colours.size < 64)
				colours.add(pixel);
		}
		return { width: canvas.width, height: canvas.height, hash, colours: colours.size };
	});
}

/** @param {import('playwright-core').Page} page */
export const stateOf = (page) => page.evaluate(() => document.body.dataset.state);

/**
 * To another address of the page that is open. It has left the old view when this returns.
 * @param {import('playwright-core').Page} page
 * @param {string} hash
 */
export const goTo = (page, hash) => page.evaluate((wanted) => new Promise((resolve) => {
	if (location.hash === wanted)
		resolve(undefined);
	addEventListener('hashchange', () => resolve(undefined), { once: true });
	location.hash = wanted;
}), hash);

/**
 * @param {import('playwright-core').Page} page
 * @param {string} state
 * @param {number} [timeoutMs]
 */
export const waitState = (page, state, timeoutMs = 15_000) => waitFor(`the page to be ${state}`, timeoutMs, async () => (await stateOf(page)) === state);

/**
 * Runs steps in order and prints TAP. The first failure ends the run, because later steps lean on earlier ones.
 * @param {[string, () => Promise<void>][]} steps
 * @param {(name: string) => Promise<void>} onFailure
 * @returns {Promise<number>} exit status
 */
export async function runSteps(steps, onFailure) {
	console.log(`1..${steps.length}`);
	for (const [number, [name, step]] of steps.entries()) {
		const started = Date.now();
		try {
			await step();
		} catch (error) {
			console.log(`not ok ${number + 1} ${name}: ${String(/** @type {any} */ (error).message).split('\n').slice(0, 6).join(' | ')}`);
			await onFailure(name);
			return 1;
		}
		console.log(`ok ${number + 1} ${name} # ${((Date.now() - started) / 1000).toFixed(1)} s`);
	}
	return 0;
}
