// SPDX-License-Identifier: GPL-2.0-or-later
// The browser of input-to-pixel: a Chromium, whose pages get keys and tell when the answer is on their canvas. Obeys lines:
//   open portal HOST PORT   the portal's own page, with the VNC server there behind a portal of straw
//   open novnc URL          noVNC as it comes, on that WebSocket
//   keys N MS               presses N keys, the next MS or up to 100 more after the one before was answered; says when each was
//                           pressed, when the first bytes after it came and when it was seen, and how many came in all
//   close                   the page
// and answers each with a line of JSON. Times are milliseconds since 1970. The end of input ends it.
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join, normalize } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { launch, person, visit, waitState } from '../lib/browser.mjs';
import { startFakePortal } from '../lib/fake-portal.mjs';

const WAIT_MS = 15_000;
const NOVNC = join(dirname(fileURLToPath(import.meta.url)), '../../web-client/vendor/novnc');
const PAGE = `<!DOCTYPE html><style>body { margin: 0 }</style><body><div id="screen"></div><script type="module">
	import RFB from '/core/rfb.js';
	const rfb = new RFB(document.getElementById('screen'), location.hash.slice(1), { shared: true });
	rfb.addEventListener('connect', () => rfb.focus());
</script>`;

/** In the page, before its own scripts. The tick's number is in the picture's last corner: see display-board.h. */
function watch() {
	const CELL = 16, CELLS = 24;
	const now = () => performance.timeOrigin + performance.now();
	const bench = { painted: false, tick: 0, bytes: 0, pressed: [], came: [], seen: [] };
	Object.assign(window, { bench });

	const readTick = (context) => {
		const { width, height } = context.canvas;
		const { data } = context.getImageData(width - CELLS * CELL, height - CELL / 2, CELLS * CELL, 1);
		let bits = 0;
		for (let i = 0; i < CELLS; i++)
			bits |= Number(data[(i * CELL + CELL / 2) * 4] > 127) << i;
		const tick = bits & 0xffff;
		return bits >>> 16 === Math.imul(tick, 0x9e3779b1) >>> 24 ? tick : 0;
	};
	// noVNC puts what it has drawn elsewhere onto the canvas that is seen, at the end of each update.
	const { drawImage } = CanvasRenderingContext2D.prototype;
	CanvasRenderingContext2D.prototype.drawImage = function (...args) {
		drawImage.apply(this, /** @type {any} */ (args));
		if (!this.canvas.isConnected || this.canvas.width !== 1920 || this.canvas.height !== 1080)
			return;
		bench.painted = true;
		const tick = readTick(this);
		for (; bench.tick < tick; bench.tick++)
			bench.seen.push(now());
	};
	// Before noVNC's own listener, which is set later.
	window.WebSocket = new Proxy(WebSocket, {
		construct(kind, words) {
			const socket = Reflect.construct(kind, words);
			socket.addEventListener('message', ({ data }) => {
				bench.bytes += data.byteLength ?? data.size;
				if (bench.came.length < bench.pressed.length)
					bench.came.push(now());
			});
			return socket;
		},
	});
	addEventListener('keydown', (event) => bench.pressed.push(performance.timeOrigin + event.timeStamp), true);
}

const server = createServer((request, response) => {
	const file = normalize(join(NOVNC, new URL(request.url ?? '/', 'http://x').pathname));
	if (file.endsWith('.js') && file.startsWith(NOVNC) && existsSync(file)) {
		response.writeHead(200, { 'Content-Type': 'text/javascript' });
		createReadStream(file).pipe(response);
	} else {
		response.writeHead(200, { 'Content-Type': 'text/html' });
		response.end(PAGE);
	}
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
const browser = await launch();
for (const signal of ['SIGINT', 'SIGTERM'])
	process.on(signal, () => browser.close().finally(() => process.exit(1)));
let portal = null, context = null, page = null;

async function open(kind, ...where) {
	const url = kind === 'portal' ? '' : `http://127.0.0.1:${/** @type {any} */ (server.address()).port}`;
	portal = url ? null : await startFakePortal({ vnc: { host: where[0], port: Number(where[1]) }, bootMs: 0 });
	context = await person(browser, portal?.url ?? url, { viewport: { width: 1920, height: 1200 } });
	context.setDefaultTimeout(WAIT_MS);
	page = await context.newPage();
	await page.addInitScript(watch);
	if (portal) {
		await visit(page, '/');
		await page.fill('#user', 'demo1');
		await page.fill('#password', 'carrel');
		await page.press('#password', 'Enter');
		await waitState(page, 'portal');
		await page.evaluate(() => (location.hash = '#/open/office'));
		await waitState(page, 'connected');
	} else {
		await page.goto(`/#${where[0]}`);
	}
	await page.waitForFunction(() => /** @type {any} */ (window).bench.painted);
	await page.waitForTimeout(1000); // for what follows the first picture
	await page.evaluate(() => Object.assign(/** @type {any} */ (window).bench, { pressed: [], came: [] }));
	return {};
}

async function keys(count, pause) {
	const { first, before } = await page.evaluate(() => {
		const { pressed, bytes } = /** @type {any} */ (window).bench;
		return { first: pressed.length, before: bytes };
	});
	for (let i = first + 1; i <= first + count; i++) {
		await page.keyboard.down('a');
		await page.waitForFunction((tick) => /** @type {any} */ (window).bench.tick >= tick, i);
		await page.keyboard.up('a');
		await page.waitForTimeout(pause + Math.random() * 100); // not in step with anybody's timer
	}
	const { pressed, came, seen, bytes } = await page.evaluate(() => /** @type {any} */ (window).bench);
	return { pressed: pressed.slice(first), came: came.slice(first), seen: seen.slice(first), first: first + 1, bytes: bytes - before };
}

async function close() {
	await context?.close();
	await portal?.close();
	context = portal = null;
	return {};
}

try {
	for await (const line of createInterface({ input: process.stdin })) {
		const [verb, ...rest] = line.split(' ');
		const done = verb === 'open' ? open(...rest) : verb === 'keys' ? keys(...rest.map(Number)) : close();
		console.log(JSON.stringify(await done.catch((error) => ({ error: String(error.message).split('\n')[0] }))));
	}
} finally {
	await browser.close();
	process.exit(0);
}
