// SPDX-License-Identifier: GPL-2.0-or-later
// The page of a recording in Chromium, for tests/system/recording and tests/alone/recording-screen: reads from standard input who signs in, which recording, and which
// colour was on the screen when. Its status is 0, or 77 when it cannot run here.
import { readFileSync } from 'node:fs';
import { check, collectComplaints, launch, person, runSteps, shot, visit, waitFor, waitState } from './browser.mjs';

const { file, changedFile, id, changed, places, came, ...given } = JSON.parse(readFileSync(0, 'utf8'));
let { portal, user, password } = given;
if (file) {
	// No instance: two files, and a portal of straw.
	const { startFakePortal } = await import('./fake-portal.mjs');
	const { readRecording } = await import('./recording-file.mjs');
	const fake = await startFakePortal();
	fake.recordings.set(id, readRecording(readFileSync(file)));
	fake.recordings.set(changed, readRecording(readFileSync(changedFile)));
	[portal, user, password] = [fake.url, 'admin', 'carrel'];
}
const browser = await launch();
const page = await (await person(browser, portal)).newPage();
const complaints = [];
collectComplaints(page, complaints);

/** Which part of the picture that is shown has this colour. @param {number[]} colour */
const share = (colour) => page.evaluate((wanted) => {
	const canvas = /** @type {HTMLCanvasElement | null} */ (document.querySelector('.replay-layer.shown canvas'));
	if (!canvas || canvas.width === 0)
		return 0;
	const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
	let found = 0;
	for (let i = 0; i < data.length; i += 4)
		if (data[i] === wanted[0] && data[i + 1] === wanted[1] && data[i + 2] === wanted[2])
			found++;
	return found / (data.length / 4);
}, colour);

/** @param {number} ms */
const seek = (ms) => page.evaluate((seconds) => {
	const bar = /** @type {HTMLInputElement} */ (document.querySelector('.replay-bar'));
	bar.value = String(seconds);
	bar.dispatchEvent(new Event('input', { bubbles: true }));
}, Math.floor(ms / 1000));

/** @param {{ms: number, colour: number[]}} place */
async function shows(place) {
	await seek(place.ms);
	await waitFor(`the colour ${place.colour} at ${place.ms} ms`, 20_000, async () => (await share(place.colour)) > 0.05);
	for (const other of places)
		if (other !== place)
			check((await share(other.colour)) < 0.05, `at ${place.ms} ms what was drawn at ${other.ms} ms shows too`);
}

/** @param {string} recording */
async function open(recording) {
	await visit(page, `/#/recording/${recording}`);
	await page.waitForSelector('.replay-bar');
}

const button = (name) => page.getByRole('button', { name, exact: true });
const faultOf = () => page.textContent('.replay-fault');
const status = await runSteps([
	['an administrator opens it', async () => {
		await visit(page, '/');
		await page.fill('#user', user, { timeout: 60_000 });
		await page.fill('#password', password);
		await page.press('#password', 'Enter');
		await waitState(page, 'portal');
		await open(id);
		await waitFor('a picture', 20_000, () => page.evaluate(() => document.querySelector('.replay-layer.shown canvas') !== null));
		for (const who of came)
			await waitFor(who, 20_000, async () => (await page.textContent('.replay-markers'))?.includes(who));
		await shot(page, 'recording');
	}],
	['to seek forward shows what was drawn at that time', async () => {
		for (const place of places)
			await shows(place);
	}],
	['to seek backward does, too', async () => {
		for (const place of [...places].reverse())
			await shows(place);
		await shot(page, 'recording-sought');
	}],
	['it plays on from there', async () => {
		await shows(places[0]);
		await page.selectOption('#replay-speed', '8');
		await button('Play').click();
		await waitFor('what was drawn next', 30_000, async () => (await share(places[1].colour)) > 0.05);
		await button('Pause').click();
		const at = await page.textContent('.replay-time');
		await page.waitForTimeout(500);
		check(await page.textContent('.replay-time') === at, 'it plays on in spite of the pause');
	}],
	['the keyboard plays, stops and steps', async () => {
		await seek(0);
		await page.focus('.replay h1');
		await page.keyboard.press('ArrowRight');
		await waitFor('ten seconds on', 5000, async () => /^0:00:(10|09)/.test(await page.textContent('.replay-time') ?? ''));
		await page.keyboard.press(' ');
		await button('Pause').waitFor();
		await page.keyboard.press(' ');
		await button('Play').waitFor();
	}],
	['played to its end it is as it was written', async () => {
		await seek(0);
		await button('Play').click();
		await waitFor('its end', 90_000, async () => {
			const [now, all] = (await page.textContent('.replay-time') ?? '').split(' · ')[0].split(' / ');
			return now === all;
		});
		check(await page.isHidden('.replay-fault'), String(await faultOf()));
	}],
	['one that was changed is said to be', async () => {
		await open(changed);
		await button('Play').click();
		await page.selectOption('#replay-speed', '8');
		await waitFor('the fault', 90_000, () => page.isVisible('.replay-fault'));
		check(/was changed after it was written/.test(await faultOf() ?? ''), String(await faultOf()));
		await shot(page, 'recording-changed');
	}],
	['nothing was forbidden by the page’s policy', async () => check(complaints.length === 0, complaints.join(' | '))],
], () => shot(page, 'recording-failed'));
await browser.close();
process.exit(status);
