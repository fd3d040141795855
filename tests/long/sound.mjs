// SPDX-License-Identifier: GPL-2.0-or-later
// The browser's part of tests/long/sound: says what it hears of a desktop, and is heard, as lines of JSON.
//
//   node sound.mjs PORTAL COOKIE DESKTOP      on standard input: "hear", "mute", "talk", "quiet" and "end", a line each
import { createInterface } from 'node:readline';
import { person } from '../lib/browser.mjs';

const [portal, cookie, desktop] = process.argv.slice(2);
const { chromium } = await import('playwright-core');
const browser = await chromium.launch({
	executablePath: process.env.CARREL_CHROMIUM ?? '/usr/bin/chromium',
	args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
		'--use-fake-device-for-media-stream', '--autoplay-policy=document-user-activation-required'],
});
const context = await person(browser, portal, { permissions: ['microphone', 'clipboard-read', 'clipboard-write'] });
await context.addCookies([{ name: '__Host-carrel', value: cookie, url: portal, secure: true, httpOnly: true, sameSite: 'Strict' }]);
const page = await context.newPage();
const complaints = [];
page.on('pageerror', (error) => complaints.push(String(error)));
page.on('console', (message) => {
	if (/Content Security Policy|Trusted|violat|Uncaught|Opus|audio|worklet/i.test(message.text()))
		complaints.push(message.text());
});
// Whatever the page plays is looked at on its way out.
await page.addInitScript(() => {
	const connect = AudioNode.prototype.connect;
	AudioNode.prototype.connect = function (to, ...more) {
		if (to instanceof AudioDestinationNode) {
			globalThis.analyser = new AnalyserNode(this.context, { fftSize: 8192, smoothingTimeConstant: 0 });
			connect.call(this, globalThis.analyser);
		}
		return connect.call(this, to, ...more);
	};
	const NativeDecoder = globalThis.AudioDecoder;
	globalThis.decoded = 0;
	globalThis.AudioDecoder = class extends NativeDecoder {
		decode(chunk) {
			globalThis.decoded++;
			return super.decode(chunk);
		}
	};
});

/** The loudest frequency, and what the tool bar says. */
const look = () => page.evaluate(() => {
	const { analyser, decoded } = globalThis;
	const bins = new Float32Array(analyser?.frequencyBinCount ?? 0);
	analyser?.getFloatFrequencyData(bins);
	const top = bins.reduce((best, level, i) => (level > bins[best] ? i : best), 0);
	const state = (label) => [...document.querySelectorAll('.tool[data-state]')].find((tool) => tool.textContent === label)?.dataset.state ?? null;
	return {
		frequency: analyser && bins[top] > -60 ? top * analyser.context.sampleRate / analyser.fftSize : 0,
		decoded, speaker: state('Sound'), microphone: state('Microphone'), page: document.body.dataset.state,
		sentence: document.querySelector('#bar-sound')?.textContent ?? '',
	};
});

async function press(name) {
	await page.evaluate((label) => {
		document.querySelector('.bar-tools').hidden = false;
		[...document.querySelectorAll('.tool[data-state]')].find((tool) => tool.textContent === label).focus();
	}, name);
	await page.keyboard.press('Enter');
}

const say = async () => console.log(JSON.stringify({ ...(await look()), complaints }));

await page.goto(`/#/desktop/${desktop}`);
await page.waitForFunction(() => document.body.dataset.state === 'connected', null, { timeout: 60_000 });
const timer = setInterval(() => say().catch(() => {}), 500);
const deeds = {
	hear: () => page.mouse.click(640, 400),
	mute: () => press('Sound'),
	talk: () => press('Microphone'),
	quiet: () => press('Microphone'),
};
for await (const line of createInterface({ input: process.stdin })) {
	if (line === 'end')
		break;
	await deeds[line]?.();
}
clearInterval(timer);
await browser.close();
