// SPDX-License-Identifier: GPL-2.0-or-later
// Files as a person at the pages meets them: the page in Chromium, and the screen's and the agent's real code at the other end
// (tests/lib/files-peer), without a VM between them. Needs no running instance. tests/system/files has a guest.
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, collectComplaints, goTo, launch, person, runSteps, shot, skip, waitFor, waitState, visit } from '../lib/browser.mjs';

const { startFakePortal } = await import('../lib/fake-portal.mjs').catch(() => skip('the npm packages are not installed: run npm ci in tests/'));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const build = process.env.CARREL_BUILD ?? join(dirname(fileURLToPath(import.meta.url)), '../../_build');
const scratch = mkdtempSync(join(tmpdir(), 'files-pages-'));
const downloads = join(scratch, 'Downloads');
const MAX = 50 * 2 ** 20;
const SECONDS = 60_000;
const children = [];

for (const program of ['tests/lib/files-peer', 'carrel-send'])
	if (!existsSync(join(build, program)))
		skip(`${program} is not built`);
if (!existsSync('/usr/bin/Xvnc'))
	skip('Xvnc is not installed');

async function startVnc() {
	const port = await new Promise((resolve) => {
		const probe = createServer().listen(0, '127.0.0.1', () => {
			const { port: free } = /** @type {any} */ (probe.address());
			probe.close(() => resolve(free));
		});
	});
	const server = spawn('Xvnc', ['-displayfd', '3', '-SecurityTypes', 'None', '-rfbport', String(port), '-localhost', '-geometry', '1024x768'],
		{ stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
	let said = '';
	children.push(server);
	server.stdio[3]?.on('data', (part) => (said += part));
	await waitFor('Xvnc', 10_000, () => said.endsWith('\n'));
	return { host: '127.0.0.1', port };
}

async function startPeer() {
	rmSync(join(scratch, 'files.sock'), { force: true });
	const peer = spawn(join(build, 'tests/lib/files-peer'), [join(scratch, 'files.sock'), downloads, join(scratch, 'carrel-send.sock'), String(MAX)],
		{ stdio: ['pipe', 'pipe', 'inherit'] });
	children.push(peer);
	await new Promise((resolve) => peer.stdout.once('data', resolve));
	return peer;
}

const vnc = await startVnc();
let peer = await startPeer();
const fake = await startFakePortal({ vnc, files: join(scratch, 'files.sock'), bootMs: 0 });
const browser = await launch();
const context = await person(browser, fake.url, { acceptDownloads: true });
const page = await context.newPage();
/** @type {string[]} */
const complaints = [];
collectComplaints(page, complaints);

const notes = () => page.locator('.notes').first().innerText();
const seen = (text) => waitFor(`“${text}”`, SECONDS, async () => (await notes()).includes(text)).catch(async (error) => {
	throw new Error(`${error.message}; the page says “${await notes()}”`);
});
const press = (name) => page.locator('.notes').getByRole('button', { name }).first().click();
const sha = (bytes) => createHash('sha256').update(bytes).digest('hex');
const fileHash = (name) => sha(readFileSync(join(downloads, name)));
const parts = () => (existsSync(downloads) ? readdirSync(downloads).filter((name) => name.startsWith('.carrel-part-')).length : 0);

function make(name, size) {
	const path = join(scratch, name);
	writeFileSync(path, randomBytes(size));
	return path;
}

async function choose(paths) {
	await page.evaluate(() => document.querySelector('.bar-tab')?.getAttribute('aria-expanded') === 'true' || document.querySelector('.bar-tab')?.dispatchEvent(new MouseEvent('click')));
	const chooser = page.waitForEvent('filechooser');
	await page.getByRole('button', { name: 'Send files' }).press('Enter');
	await (await chooser).setFiles(paths);
}

async function dismissAll() {
	while (await page.locator('.notes').getByRole('button', { name: 'Dismiss' }).count())
		await press('Dismiss');
}

/** carrel-send in the "guest". */
function send(...files) {
	const command = spawn(join(build, 'carrel-send'), files, { env: { ...process.env, XDG_RUNTIME_DIR: scratch } });
	const told = { text: '', status: /** @type {number | null} */ (null), command };
	for (const stream of [command.stdout, command.stderr])
		stream.on('data', (part) => (told.text += part));
	command.on('exit', (status) => (told.status = status));
	children.push(command);
	return told;
}

/** @type {[string, () => Promise<void>][]} */
const steps = [
	['a desktop is opened', async () => {
		await visit(page, '/#/open/files');
		await page.fill('#user', 'demo1');
		await page.fill('#password', 'carrel');
		await page.press('#password', 'Enter');
		await waitState(page, 'connected');
	}],
	['a file that is chosen is in the folder, with progress on its way', async () => {
		const path = make('chosen é.bin', 30_000_000);
		await choose(path);
		await seen('Sending chosen é.bin: ');
		await shot(page, 'files-going');
		await page.evaluate(AXE);
		const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa'] }));
		check(found.violations.length === 0, `axe: ${found.violations.map((one) => `${one.id} ${one.nodes[0].html}`).join(' ; ')}`);
		await seen('chosen é.bin is in the desktop’s folder Downloads.');
		check(fileHash('chosen é.bin') === sha(readFileSync(path)), 'it is another file');
	}],
	['many files at once all come, also an empty one, and none over another', async () => {
		const paths = Array.from({ length: 20 }, (_, i) => make(`many-${i}.bin`, i * 10_000));
		await choose(paths);
		await waitFor('twenty files', SECONDS, () => readdirSync(downloads).filter((name) => /^many-\d+\.bin$/.test(name)).length === 20 && parts() === 0);
		for (let i = 0; i < 20; i++)
			check(fileHash(`many-${i}.bin`) === sha(readFileSync(paths[i])), `many-${i}.bin is another file`);
		await choose(paths[5]);
		await waitFor('the second', SECONDS, () => readdirSync(downloads).includes('many-5 (1).bin'));
	}],
	['a dropped file comes, and the page stays', async () => {
		await page.evaluate(() => {
			const transfer = new DataTransfer();
			transfer.items.add(new File(['dropped'], 'dropped.txt'));
			const target = document.querySelector('.mount canvas:not(.ghost)');
			target?.dispatchEvent(new DragEvent('dragenter', { dataTransfer: transfer, bubbles: true, cancelable: true }));
		});
		await page.getByText('Drop files to send them to the desktop').waitFor();
		await shot(page, 'files-drop');
		await page.evaluate(() => {
			const transfer = new DataTransfer();
			transfer.items.add(new File(['dropped'], 'dropped.txt'));
			document.querySelector('.mount canvas:not(.ghost)')?.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
		});
		await seen('dropped.txt is in the desktop’s folder Downloads.');
		check(readFileSync(join(downloads, 'dropped.txt'), 'utf8') === 'dropped', 'it is another file');
	}],
	['one that is too large is told of', async () => {
		const path = make('huge.bin', 1);
		truncateSync(path, MAX + 1);
		await choose(path);
		await seen('huge.bin was not sent: files may have 50 MB here.');
		await dismissAll();
	}],
	['Cancel removes the part', async () => {
		await choose(make('stopped.bin', 50_000_000));
		await seen('Sending stopped.bin');
		await press(/^Cancel/);
		await seen('Sending stopped.bin was cancelled.');
		await waitFor('no part', SECONDS, () => parts() === 0);
		check(!readdirSync(downloads).includes('stopped.bin'), 'it is there');
		await dismissAll();
	}],
	['what the desktop offers is saved through memory', async () => {
		const path = make('report.bin', 7 * 2 ** 20);
		const told = send(path);
		await page.evaluate(() => delete (/** @type {any} */ (globalThis).showSaveFilePicker));
		await seen('The desktop offers report.bin (7 MB)');
		await shot(page, 'files-offer');
		const came = page.waitForEvent('download');
		await press(/^Save/);
		const download = await came;
		check(download.suggestedFilename() === 'report.bin', download.suggestedFilename());
		check(sha(readFileSync(await download.path())) === sha(readFileSync(path)), 'it is another file');
		await seen('report.bin is saved.');
		await waitFor('carrel-send to end', SECONDS, () => told.status !== null);
		check(told.status === 0 && told.text.includes('sent'), told.text);
	}],
	['and straight to the disk where the browser can', async () => {
		const path = make('disk.bin', 20 * 2 ** 20);
		const told = send(path);
		await page.evaluate(() => {
			/** @type {any} */ (globalThis).showSaveFilePicker = async () => (await navigator.storage.getDirectory()).getFileHandle('picked', { create: true });
		});
		await seen('The desktop offers disk.bin (20 MB)');
		await press(/^Save/);
		await seen('disk.bin is saved.');
		const hash = await page.evaluate(async () => {
			const file = await (await (await navigator.storage.getDirectory()).getFileHandle('picked')).getFile();
			return [...new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
		});
		check(hash === sha(readFileSync(path)), 'it is another file');
		await waitFor('carrel-send to end', SECONDS, () => told.status !== null);
		check(told.status === 0, told.text);
	}],
	['refused, taken back and too large are told where they matter', async () => {
		const refused = send(make('refused.bin', 10));
		await seen('The desktop offers refused.bin');
		await press(/^Refuse/);
		await waitFor('carrel-send to end', SECONDS, () => refused.status !== null);
		check(refused.status === 1 && refused.text.includes('It was refused at the browser.'), refused.text);
		const back = send(make('back.bin', 10));
		await seen('The desktop offers back.bin');
		back.command.kill('SIGINT');
		await waitFor('the offer to go', SECONDS, async () => !(await notes()).includes('The desktop offers back.bin'));
		truncateSync(join(scratch, 'huge.bin'), MAX + 1);
		const large = send(join(scratch, 'huge.bin'));
		await waitFor('carrel-send to end', SECONDS, () => large.status !== null);
		check(large.status === 1 && large.text.includes('larger than files from this desktop may be'), large.text);
		check(spawnSync(join(build, 'carrel-send'), [scratch], { env: { ...process.env, XDG_RUNTIME_DIR: scratch }, encoding: 'utf8' }).stderr.includes('Only files can be sent'), 'a folder');
	}],
	['a screen that dies in the middle leaves no part, and the page says what happened', async () => {
		await choose(make('doomed.bin', 50_000_000));
		await seen('Sending doomed.bin');
		peer.kill('SIGKILL');
		await seen('doomed.bin was not sent: the connection was lost. Send it again.');
		check(parts() === 1, `${parts()} parts`);
		peer = await startPeer();
		check(parts() === 0, 'the next agent leaves the part');
		await dismissAll();
	}],
	['it works again by itself', async () => {
		const told = send(make('again.bin', 10));
		await waitFor('an answer', SECONDS, async () => told.status !== null || (await notes()).includes('The desktop offers again.bin'));
		if (told.status === null)
			await press(/^Refuse/);
		await choose(join(scratch, 'again.bin'));
		await waitFor('the file', SECONDS, () => readdirSync(downloads).includes('again.bin'));
	}],
	['French has its own words', async () => {
		const french = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: fake.url, locale: 'fr-FR', storageState: await context.storageState() });
		const tab = await french.newPage();
		await visit(tab, '/#/open/files');
		await waitState(tab, 'connected');
		await tab.locator('.bar-tab').hover();
		check(await tab.getByText('Envoyer des fichiers').count(), 'no button');
		await french.close();
	}],
	['a pool without files shows no button, and says so to a drop', async () => {
		await goTo(page, '#/open/office');
		await waitState(page, 'connected');
		check(await page.getByRole('button', { name: 'Send files' }).count() === 0, 'there is a button');
		await page.evaluate(() => {
			const transfer = new DataTransfer();
			transfer.items.add(new File(['x'], 'x.txt'));
			document.querySelector('.mount canvas:not(.ghost)')?.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
		});
		await seen('This pool takes no files into its desktops');
	}],
	['the browser had nothing to complain of', async () => {
		check(complaints.length === 0, complaints.join(' ; '));
	}],
];

let status = 1;
try {
	status = await runSteps(steps, (name) => shot(page, `failed-${name.replace(/\W+/g, '-')}`));
} finally {
	await browser.close();
	await fake.close();
	for (const child of children)
		child.kill('SIGKILL');
	rmSync(scratch, { recursive: true, force: true });
}
process.exit(status);
