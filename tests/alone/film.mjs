// SPDX-License-Identifier: GPL-2.0-or-later
// A film over a narrow path: noVNC in Chromium, and the VNC side of a real screen behind a WebSocket that lets through 300 kB a second.
// Needs no running instance. Prints TAP; the status is 0, 1, or 77 when it cannot run here.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, launch, picture, runSteps, shot, skip, waitFor } from '../lib/browser.mjs';

const top = process.env.CARREL_TOP ?? join(dirname(fileURLToPath(import.meta.url)), '../..');
const novnc = join(top, 'web-client/vendor/novnc');
const program = join(process.env.CARREL_BUILD ?? join(top, '_build'), 'tests/alone/film-server');
const { WebSocketServer } = await import('ws').catch(() => skip('the npm packages are not installed: run npm ci in tests/'));
const BYTES_PER_MS = 300;
const FILM = { x: 300, y: 152, width: 640, height: 360 };

if (!existsSync(program))
	skip(`${program} is not built`);
let said = '';
/** @type {number | null} */
let ended = null;
/** @type {import('node:child_process').ChildProcess | null} */
let screen = null;

/** Begins with its viewer, for which it does not wait long. */
function startScreen() {
	screen = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
	screen.stdout?.on('data', (part) => (said += part));
	screen.on('exit', (status) => (ended = status ?? 1));
	return /** @type {import('node:net').Socket} */ (/** @type {unknown} */ (screen.stdio[3]));
}

const PAGE = `<!doctype html><title>film</title><div class="mount" style="width:1280px;height:720px"></div>
<script type="module">
import RFB from '/core/rfb.js';
import { encodings } from '/core/encodings.js';
import { supportsWebCodecsH264Decode } from '/core/util/browser.js';
window.seen = { can: supportsWebCodecsH264Decode, films: 0 };
const rfb = new RFB(document.querySelector('.mount'), 'ws://' + location.host + '/');
const decoder = rfb._decoders[encodings.encodingH264], decode = decoder.decodeRect;
decoder.decodeRect = function (...args) {
	const done = decode.apply(this, args);
	window.seen.films += done ? 1 : 0;
	return done;
};
rfb.addEventListener('connect', () => (window.seen.connected = true));
</script>`;

const server = createServer((request, response) => {
	const path = normalize(new URL(request.url ?? '/', 'http://x').pathname), file = join(novnc, path);
	if (path === '/') {
		response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
	} else if (existsSync(file)) {
		response.writeHead(200, { 'content-type': 'text/javascript' }).end(readFileSync(file));
	} else {
		response.writeHead(404).end();
	}
});
new WebSocketServer({ server, handleProtocols: (protocols) => (protocols.has('binary') ? 'binary' : false) }).on('connection', async (socket) => {
	const link = startScreen();
	socket.on('message', (bytes) => link.write(/** @type {Buffer} */ (bytes)));
	for await (const bytes of link)
		for (let at = 0; at < bytes.length; at += 4096) {
			const part = bytes.subarray(at, at + 4096);
			socket.send(part);
			await new Promise((resolve) => setTimeout(resolve, part.length / BYTES_PER_MS));
		}
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));

const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1280, height: 760 } });
const seen = () => page.evaluate(() => /** @type {any} */ (window).seen ?? {});

/** What the screen says after a word. @param {string} word @param {RegExp} answer */
async function tell(word, answer) {
	screen?.stdin?.write(`${word}\n`);
	await waitFor(`the screen's answer to ${word}`, 5_000, () => answer.test(said));
	return /** @type {RegExpExecArray} */ (answer.exec(said)).slice(1).map(Number);
}

const mean = () => page.evaluate(({ x, y, width, height }) => {
	const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('.mount canvas'));
	const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(x, y, width, height);
	const sums = [0, 0, 0];
	for (let i = 0; i < data.length; i += 4)
		for (let c = 0; c < 3; c++)
			sums[c] += data[i + c];
	return sums.map((sum) => sum / (width * height));
}, FILM);

/** @type {number[]} */
let expected = [];
const status = await runSteps([
	['noVNC finds that this browser decodes H.264, and shows the desktop', async () => {
		await page.goto(`http://127.0.0.1:${/** @type {any} */ (server.address()).port}/`);
		await waitFor('noVNC', 20_000, async () => (await seen()).connected || ended !== null);
		if (ended === 77)
			skip('libopenh264 is not installed');
		if (!(await seen()).can)
			skip('this browser decodes no H.264');
		await waitFor('the desktop', 20_000, async () => ((await picture(page))?.colours ?? 0) > 1);
	}],
	['a film comes as H.264 once the path is full', async () => {
		expected = await tell('play', /mean (\S+) (\S+) (\S+)\n/);
		await waitFor('H.264', 60_000, async () => (await seen()).films > 20);
	}],
	['it moves, and has the colours that it should have', async () => {
		const before = await picture(page);
		await waitFor('another picture', 10_000, async () => (await picture(page))?.hash !== before?.hash);
		const colours = await mean();
		await shot(page, 'film');
		console.log(`# mean ${colours.map((c) => c.toFixed(1))}, should be ${expected}; ${(await seen()).films} frames`);
		check(colours.every((c, i) => Math.abs(c - expected[i]) < 5), `the film's colours are ${colours} instead of ${expected}`);
	}],
	['once it is still, each pixel is as the desktop has it', async () => {
		const [hash] = await tell('rest', /hash (\S+)\n/);
		await waitFor('the exact picture', 20_000, async () => (await picture(page))?.hash === hash);
	}],
], async (name) => shot(page, `failed-${name}`));
await browser.close();
/** @type {import('node:child_process').ChildProcess | null} */ (screen)?.kill();
process.exit(status);
