// SPDX-License-Identifier: GPL-2.0-or-later
// What can happen to a person on the pages, each with its state and sentence; axe on each page in both themes; and, where an
// Xvnc is installed, the viewer: resize, clipboard in UTF-8, reconnect, close codes. Needs no running instance.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { check, collectComplaints, goTo, launch, person, picture, runSteps, shot, skip, stateOf, waitFor, waitState, visit } from '../lib/browser.mjs';

const { startFakePortal } = await import('../lib/fake-portal.mjs').catch(() => skip('the npm packages are not installed: run npm ci in tests/'));
const { makeRecording } = await import('../lib/recording-file.mjs');
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const children = [];
let DISPLAY = '';

const vnc = await startVnc();
const fake = await startFakePortal({ vnc, bootMs: 0 });
const browser = await launch();
const context = await person(browser, fake.url, { permissions: ['clipboard-read', 'clipboard-write'] });
let page = await context.newPage();
/** What the browser complained of. Refused requests are part of the tests; anything else is a fault. @type {string[]} */
const complaints = [];
/** @type {string[]} */
const dropped = [];
listen(page);

function listen(tab) {
	// A machine whose network interfaces come and go makes Chromium drop requests (ERR_NETWORK_CHANGED): said with a failure.
	tab.on('requestfailed', (request) => {
		const why = request.failure()?.errorText ?? '';
		if (why !== 'net::ERR_ABORTED')
			dropped.push(`${why} ${request.url()}`);
	});
	collectComplaints(tab, complaints);
}

/** A real X server with a VNC port, or null. */
async function startVnc() {
	if (!existsSync('/usr/bin/Xvnc'))
		return null;
	const port = await new Promise((resolve) => {
		const probe = createServer().listen(0, '127.0.0.1', () => {
			const { port } = /** @type {any} */ (probe.address());
			probe.close(() => resolve(port));
		});
	});
	const server = spawn('Xvnc', ['-displayfd', '3', '-SecurityTypes', 'None', '-rfbport', String(port), '-localhost', '-geometry', '1024x768', '-depth', '24'],
		{ stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
	children.push(server);
	let said = '';
	server.stdio[3]?.on('data', (part) => (said += part));
	await waitFor('Xvnc', 10_000, () => said.endsWith('\n'));
	DISPLAY = `:${said.trim()}`;
	// Xvnc leaves the clipboard to this helper.
	children.push(spawn('vncconfig', ['-nowin'], { env: { ...process.env, DISPLAY }, stdio: 'ignore' }));
	if (existsSync('/usr/bin/xterm'))
		children.push(spawn('xterm', ['-geometry', '80x24+20+40'], { env: { ...process.env, DISPLAY }, stdio: 'ignore' }));
	return { host: '127.0.0.1', port };
}

/** Reads or sets the X clipboard. @param {string} [text] */
function xclip(text) {
	return new Promise((resolve, reject) => {
		const child = spawn('xclip', ['-selection', 'clipboard', text === undefined ? '-o' : '-i'], { env: { ...process.env, DISPLAY }, stdio: text === undefined ? ['ignore', 'pipe', 'ignore'] : ['pipe', 'ignore', 'ignore'] });
		let out = '';
		child.stdout?.on('data', (data) => (out += data));
		child.on('error', reject);
		child.on('exit', () => resolve(out));
		child.stdin?.on('error', () => {});
		child.stdin?.end(text);
	});
}

/** What a program of X says. */
function x11(...words) {
	return new Promise((resolve, reject) => {
		const child = spawn(words[0], words.slice(1), { env: { ...process.env, DISPLAY }, stdio: ['ignore', 'pipe', 'ignore'] });
		let out = '';
		child.stdout.on('data', (data) => (out += data));
		child.on('error', reject);
		child.on('exit', () => resolve(out));
	});
}

/** @param {import('playwright-core').Page} tab */
async function wayOut(tab) {
	for (const key of ['Control', 'Alt', 'Shift'])
		await tab.keyboard.down(key);
	for (const key of ['Shift', 'Alt', 'Control'])
		await tab.keyboard.up(key);
}

async function axe(name) {
	for (const colorScheme of /** @type {('light' | 'dark')[]} */ (['light', 'dark'])) {
		await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
		await page.evaluate(AXE);
		const violations = await page.evaluate(async () => {
			const found = await /** @type {any} */ (globalThis).axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
			return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(', ')}`);
		});
		check(violations.length === 0, `axe on ${name}, ${colorScheme}: ${violations.join(' ; ')}`);
		await shot(page, `${name}-${colorScheme}`);
	}
	check(complaints.length === 0, complaints.join(' ; '));
}

const seen = (text) => waitFor(`“${text}”`, 8000, () => page.evaluate((words) => document.body.innerText.includes(words), text));
const press = (name) => page.getByRole('button', { name, exact: false }).first().click();
const hash = () => page.evaluate(() => location.hash);

async function signIn(user, password = 'carrel') {
	await page.fill('#user', user);
	await page.fill('#password', password);
	await page.press('#password', 'Enter');
}

/** @param {string} title @param {string | RegExp} name */
const pressIn = (title, name) => card(title).getByRole('button', { name }).first().click();

async function signOut() {
	await goTo(page, '#/');
	await waitState(page, 'portal');
	await page.getByRole('button', { name: 'Sign out' }).click();
	await waitFor('sign-out', 5000, async () => {
		if (await page.locator('dialog .danger').count())
			await page.locator('dialog .danger').click();
		return (await stateOf(page)) === 'signed-out';
	});
}

const card = (title) => page.locator('.card', { has: page.getByRole('heading', { name: title, exact: true }) });
const told = () => page.evaluate(() => [...document.querySelectorAll('[role=status]')].map((one) => one.textContent).join(' | '));
const count = (request) => fake.requests.filter((one) => one === request).length;

const openOffice = () => page.locator('.card').first().locator('.big').click();

const RECORDING = 'office.20261130T200000Z.0123456789abcdef';
const RED = [220, 20, 20];
const GREEN = [20, 200, 20];
const BLUE = [20, 20, 220];

/** The colour in the middle of the recording's picture. */
const replayed = () => page.evaluate(() => {
	const canvas = /** @type {HTMLCanvasElement | null} */ (document.querySelector('.replay-layer.shown canvas'));
	return canvas?.width ? [...canvas.getContext('2d').getImageData(32, 24, 1, 1).data.slice(0, 3)].join() : '';
});
const replays = (colour) => waitFor(`the colour ${colour}`, 8000, async () => (await replayed()) === colour.join());
const seekTo = (seconds) => page.evaluate((to) => {
	const bar = /** @type {HTMLInputElement} */ (document.querySelector('.replay-bar'));
	bar.value = String(to);
	bar.dispatchEvent(new Event('input', { bubbles: true }));
}, seconds);

/** @type {[string, () => Promise<void>][]} */
const steps = [
	['a recording is played by an administrator, forward and backward', async () => {
		const recording = makeRecording([{ ms: 30, colour: RED }, { ms: 40_000, colour: GREEN }, { ms: 70_000, colour: BLUE, chunk: true }], 90_000);
		fake.recordings.set(RECORDING, recording);
		await visit(page, `/#/recording/${RECORDING}`);
		await waitState(page, 'signed-out');
		await signIn('admin');
		await replays(RED);
		await seen('demo1 joined, by VNC from 192.0.2.1');
		await axe('recording');
		for (const [seconds, colour] of [[50, GREEN], [80, BLUE], [45, GREEN], [3, RED], [71, BLUE], [39, RED]]) {
			await seekTo(seconds);
			await replays(colour);
		}
		check(await page.getAttribute('.replay-bar', 'aria-valuetext') === '0:00:39 of 0:01:30', 'the bar does not say where it is');
	}],
	['a recording skips what stands still, stops where it is told, and comes to its end', async () => {
		await page.focus('.replay h1');
		await page.keyboard.press(' ');
		await replays(BLUE);
		await waitFor('its end', 8000, async () => (await page.textContent('.replay-time'))?.startsWith('0:01:30 / 0:01:30'));
		check(await page.getByRole('button', { name: 'Play', exact: true }).isVisible() && await page.isHidden('.replay-fault'), 'it ended otherwise');
		await page.keyboard.press('ArrowLeft');
		await waitFor('ten seconds back', 3000, async () => (await page.textContent('.replay-time'))?.startsWith('0:01:20'));
		await page.getByRole('button', { name: /joined/ }).click();
		await replays(RED);
		await page.uncheck('#replay-skip');
		await page.selectOption('#replay-speed', '2');
		await press('Play');
		await page.waitForTimeout(1500);
		await press('Pause');
		const at = await page.textContent('.replay-time');
		check(/^0:00:0[2-9]/.test(at ?? ''), `it is at ${at} after 1.5 s at twice the speed`);
	}],
	['a recording that was changed is said to be, at its time', async () => {
		const changed = makeRecording([{ ms: 0, colour: RED }, { ms: 2000, colour: GREEN }], 4000);
		changed.bytes[changed.bytes.length - 3000] ^= 1;
		fake.recordings.set(RECORDING, changed);
		await page.reload();
		await page.waitForSelector('.replay-bar');
		await press('Play');
		await seen('this recording was changed after it was written');
		await replays(RED);
		await axe('recording-changed');
		await goTo(page, '#/recording/office.20261130T200000Z.ffffffffffffffff');
		await seen('There is no such recording');
		await signOut();
	}],
	['a recording is nothing for who is no administrator', async () => {
		await goTo(page, `#/recording/${RECORDING}`);
		await signIn('demo1');
		await seen('Recordings are for administrators');
		await axe('recording-denied');
		await signOut();
	}],
	['the sign-in page asks, and tells a wrong password', async () => {
		await visit(page, '/');
		await waitState(page, 'signed-out');
		await axe('sign-in');
		await page.keyboard.press('Enter');
		await seen('Type your user name');
		await signIn('demo1', 'wrong');
		await seen('is not right');
		check(await page.evaluate(() => document.activeElement?.id === 'password'), 'the password field has no focus after a refusal');
		await axe('sign-in-wrong');
	}],
	['a second factor is asked for, and a wrong one starts again', async () => {
		await signIn('otp');
		await page.getByLabel('One-time password').fill('000000');
		await axe('sign-in-otp');
		await page.keyboard.press('Enter');
		await seen('did not let you in');
		await signIn('otp');
		await page.getByLabel('One-time password').fill('123456');
		await page.keyboard.press('Enter');
		await waitState(page, 'portal');
		await signOut();
	}],
	['an expired password is changed in two rounds', async () => {
		await signIn('expired');
		await seen('required to change your password');
		await page.getByLabel('New password', { exact: true }).fill('a');
		await press('Continue');
		await page.getByLabel('Retype new password').fill('a');
		await press('Continue');
		await waitState(page, 'portal');
		await signOut();
		await seen('You are signed out');
		await signIn('expired');
		await page.getByLabel('New password', { exact: true }).fill('a');
		check(await page.evaluate(() => /** @type {any} */ (document.activeElement)?.type === 'password'), 'the new password’s field has no focus, or echoes');
		await axe('new-password');
		await press('Continue');
		await page.getByLabel('Retype new password').fill('b');
		await press('Continue');
		await seen('passwords do not match');
		check(await page.evaluate(() => document.activeElement?.id === 'user'), 'the name’s field has no focus');
	}],
	['a person without pools is told whom to ask', async () => {
		await signIn('empty');
		await seen('Ask your administrator');
		await axe('portal-empty');
		await signOut();
	}],
	['the list shows each pool, and a broken and a full one say so', async () => {
		await signIn('demo1');
		await page.locator('.card').nth(3).waitFor();
		await seen('set up wrongly');
		await page.locator('.card').nth(2).locator('.big').click();
		await seen('All desktops of Design workstation are taken');
		await page.locator('summary').first().click();
		await seen('127.0.0.1:5999');
		await seen('demo1/office');
		await axe('portal');
		fake.trouble = 'busy';
		await openOffice();
		await seen('not answering just now');
		fake.trouble = '';
	}],
	['the list works by keyboard alone', async () => {
		await page.reload();
		await page.locator('.card').nth(3).waitFor();
		for (let i = 0; i < 12 && !(await page.evaluate(() => document.activeElement?.matches('.card .big'))); i++)
			await page.keyboard.press('Tab');
		check(await page.evaluate(() => document.activeElement?.matches('.card .big')), 'Tab does not reach the first Open');
		check(await page.evaluate(() => getComputedStyle(/** @type {Element} */ (document.activeElement)).outlineStyle !== 'none'), 'the focus is not visible');
	}],
	['a slow desktop shows its steps with time', async () => {
		fake.bootMs = 4000;
		await openOffice();
		await waitState(page, 'starting');
		await waitFor('a step with seconds', 4000, () => page.evaluate(() => /Booting… \d s/.test(document.body.innerText)));
		await axe('starting');
		if (vnc) {
			await press('Show its screen now');
			await waitState(page, 'connected');
			await seen('Still starting');
			await page.goBack();
		} else {
			await press('Back to your desktops');
		}
		await waitState(page, 'portal');
		fake.bootMs = 0;
	}],
	['who leaves while a desktop is asked for is not fetched back', async () => {
		// The answer comes between the new address and the page's word of it.
		await page.evaluate(() => {
			const parse = JSON.parse;
			JSON.parse = (text, ...more) => {
				const value = parse(text, ...more);
				if (value?.desktop && typeof value.desktop === 'string') {
					JSON.parse = parse;
					location.hash = '#/';
				}
				return value;
			};
		});
		await goTo(page, '#/open/lab');
		await waitState(page, 'portal');
		check(await hash() === '#/', `the address is ${await hash()}`);
		fake.desktops.clear();
	}],
	['the .vv file is downloaded', async () => {
		// A list that is being fetched anew may close it once more; and what is fetched when it is opened moves what is below it.
		await waitFor('the other ways in', 15_000, async () => {
			const ways = page.locator('details').first();
			if (!(await ways.evaluate((node) => node.open)))
				await page.locator('summary').first().click();
			await page.waitForTimeout(500);
			return page.getByRole('button', { name: 'Get a one-time password' }).first().isVisible();
		});
		const [file] = await Promise.all([page.waitForEvent('download'), press('Open in virt-viewer')]);
		check(file.suggestedFilename() === 'office.vv', file.suggestedFilename());
		check(readFileSync(await file.path(), 'utf8').startsWith('[virt-viewer]'), 'not a .vv file');
	}],
	['a VNC viewer gets a password that is good once, and the page forgets it', async () => {
		await press('Get a one-time password');
		await seen('good once, for 30 seconds');
		await seen('ticket:0123456789abcdef0123456789abcdef');
		await seen('vncviewer -SecurityTypes=X509Plain -X509CA=ca.pem 127.0.0.1::5999');
		await seen('vnc://127.0.0.1:5999?VncUsername=ticket%3A');
		for (const name of ['Copy User name', 'Copy Password', 'Copy URL', 'Copy TigerVNC'])
			check((await page.getByRole('button', { name, exact: true }).count()) === 1, `no button “${name}”`);
		check((await page.getByRole('link', { name: 'ca.pem' }).getAttribute('href')) === '/ca.pem', 'no link to the CA');
		await axe('vnc-pass');
		fake.passSeconds = 1;
		await press('Get a one-time password');
		await seen('has expired');
		check(!(await page.content()).includes('ticket:'), 'the ticket is in the page still');
		fake.passSeconds = 30;
	}],
	['a reset asks first', async () => {
		const before = [...fake.desktops.keys()][0];
		await press('Reset desktop');
		await seen('This cannot be undone');
		await axe('reset');
		await page.keyboard.press('Escape');
		check(fake.desktops.has(before), 'Escape reset it');
		await press('Reset desktop');
		await press('Erase and reset');
		await waitFor('the reset', 5000, () => !fake.desktops.has(before));
		await seen('Reset. A clean desktop');
	}],
	['who waits for a turn sees the place, keeps it by asking, and is let in by itself', async () => {
		fake.ahead = 3;
		await card('Computer room').locator('.big').click();
		await seen('You are number 3 of 7 in the queue.');
		await seen('you can leave this page open');
		check((await told()).includes('number 3 of 7'), 'a screen reader does not hear it');
		await axe('queue');
		const id = [...fake.desktops.keys()].find((key) => key.startsWith('queue-'));
		const asked = count(`GET desktops/${id}`);
		fake.ahead = 2;
		await seen('You are number 2 of 6 in the queue.');
		check(count(`GET desktops/${id}`) > asked, 'it did not ask');
		await page.getByRole('button', { name: 'Leave the queue' }).focus();
		await page.keyboard.press('Enter');
		await waitState(page, 'portal');
		check(!fake.desktops.has(id), 'the place was kept');
		await card('Computer room').locator('.big').click();
		await seen('You are number 2 of 6');
		await page.goBack();
		await waitState(page, 'portal');
		await card('Computer room').locator('summary').click();
		await card('Computer room').getByRole('button', { name: 'Leave the queue' }).waitFor();
		await axe('portal-queue');
		await card('Computer room').locator('.big').click();
		await seen('You are number 2 of 6');
		fake.desktops.clear();
		await seen('Your place in the queue is gone');
		await axe('queue-lost');
		await press('Queue again');
		await seen('You are number 2 of 6');
		fake.ahead = 0;
		if (vnc)
			await waitState(page, 'connected');
		else
			await waitFor('the end of the wait', 8000, async () => !(await page.evaluate(() => document.body.innerText.includes('in the queue'))));
		await goTo(page, '#/');
		await waitState(page, 'portal');
		fake.desktops.clear();
	}],
	['a desktop of one’s own is restarted and turned off, and never reset', async () => {
		fake.bootMs = 3000;
		await card('Workstation').locator('.big').click();
		await waitState(page, 'starting');
		await goTo(page, '#/');
		await waitState(page, 'portal');
		await card('Workstation').locator('summary').click();
		await card('Workstation').getByRole('button', { name: 'Restart' }).waitFor();
		check(await card('Workstation').getByRole('button', { name: 'Reset desktop' }).count() === 0, 'it can be reset');
		await axe('portal-own');
		const id = [...fake.desktops.keys()].find((key) => key.startsWith('own-'));
		await card('Workstation').getByRole('button', { name: 'Restart' }).click();
		await seen('what is not saved in them is lost');
		await axe('restart');
		await page.keyboard.press('Escape');
		check(count(`POST desktops/${id}/restart`) === 0, 'Escape restarted it');
		await card('Workstation').getByRole('button', { name: 'Restart' }).click();
		await page.locator('dialog .danger').click();
		await seen('It is restarting.');
		check(count(`POST desktops/${id}/restart`) === 1, 'it was not restarted');
		await card('Workstation').getByRole('button', { name: 'Turn off' }).click();
		await page.locator('dialog .danger').click();
		await seen('Turned off; Open starts it');
		await axe('portal-off');
		await goTo(page, `#/desktop/${id}`);
		await seen('The desktop is turned off');
		await axe('off');
		fake.bootMs = 0;
		await page.getByRole('button', { name: 'Open', exact: true }).click();
		await waitFor('the start', 5000, () => !fake.desktops.get(id).off);
		await goTo(page, '#/');
		await waitState(page, 'portal');
		fake.desktops.clear();
	}],
	['snapshots are saved, gone back to and deleted in the list', async () => {
		await page.reload();
		await card('Exam').locator('summary').click();
		await pressIn('Exam', 'Open in virt-viewer');
		await seen('Downloaded');
		await card('Exam').getByText('None yet.').waitFor();
		const desktop = [...fake.desktops.values()].find((one) => one.pool === 'exam');
		await card('Exam').getByLabel('Name of the new one').fill('-no');
		await page.keyboard.press('Enter');
		await card('Exam').locator('.said.fault').filter({ hasText: 'Letters, digits' }).waitFor();
		fake.saveMs = 2500;
		await card('Exam').getByLabel('Name of the new one').fill('before-exam');
		await page.keyboard.press('Enter');
		await seen('Saving before-exam… 1 s');
		await axe('snapshot-saving');
		await seen('Saved: before-exam.');
		fake.saveMs = 0;
		await pressIn('Exam', 'Save');
		await seen('Saved: save-1.');
		await seen('No more than 2 can be kept');
		await axe('snapshots');
		await pressIn('Exam', /Go back.*before-exam/);
		await seen('What was done since then is lost');
		await axe('go-back');
		await page.keyboard.press('Escape');
		check(desktop.reverted === undefined, 'Escape went back');
		await pressIn('Exam', /Go back.*before-exam/);
		await page.locator('dialog .danger').click();
		await waitFor('the way back', 5000, () => desktop.reverted === 'before-exam');
		await pressIn('Exam', /Delete.*save-1/);
		await page.locator('dialog .danger').click();
		await seen('Deleted: save-1.');
		check(desktop.snapshots.length === 1, 'it was not deleted');
	}],
	['an expired session asks for the password and comes back to the same place', async () => {
		await openOffice();
		if (vnc)
			await waitState(page, 'connected');
		else
			await waitFor('the desktop’s address', 5000, async () => (await hash()).startsWith('#/desktop/'));
		const where = await hash();
		fake.sessions.clear();
		fake.cut(1012);
		await waitState(page, 'signed-out');
		await seen('Your session has ended');
		await signIn('demo1');
		await waitFor('the same place', 5000, async () => (await hash()) === where && (await stateOf(page)) !== 'signed-out');
	}],
	['a desktop that is gone, and one that failed, lead on', async () => {
		fake.desktops.clear();
		await page.reload();
		await seen('This desktop is gone');
		await axe('gone');
		fake.trouble = 'failed';
		await press('Open a desktop');
		await seen('The desktop did not start');
		await seen('no space left');
		await axe('failed');
		fake.trouble = '';
		fake.desktops.clear();
	}],
	['a lost server is told, and waited for', async () => {
		await page.route('**/api/v1/me', (route) => route.abort());
		await visit(page, '/');
		await seen('The server does not answer');
		await axe('lost-at-start');
		await page.unroute('**/api/v1/me');
		await press('Try again');
		await waitState(page, 'portal');
		await page.locator('.card .big').first().waitFor(); // the list is there; what is lost is what follows
		fake.trouble = 'lost';
		await openOffice();
		await seen('The server does not answer');
		await axe('lost-server');
		fake.trouble = '';
	}],
	['one sees where one is signed in, and ends a session there', async () => {
		const elsewhere = await person(browser, fake.url);
		const tab = await elsewhere.newPage();
		await visit(tab, '/');
		await tab.fill('#user', 'demo1');
		await tab.fill('#password', 'carrel');
		await tab.press('#password', 'Enter');
		await waitState(tab, 'portal');
		await page.goto('/#/');
		await waitState(page, 'portal');
		await page.locator('.sessions summary').focus();
		await page.keyboard.press('Enter');
		await seen('This browser');
		await axe('sessions');
		await page.getByRole('button', { name: /Sign out there/ }).last().focus();
		await page.keyboard.press('Enter');
		await seen('Signed out there.');
		check(await page.evaluate(() => document.activeElement?.tagName === 'SUMMARY'), 'the focus is lost');
		await tab.reload();
		await waitState(tab, 'signed-out');
		await elsewhere.close();
		await page.reload();
		await waitState(page, 'portal');
	}],
	['a sign-out everywhere asks first, and ends all', async () => {
		await page.locator('.sessions summary').click();
		await press('Sign out everywhere');
		await seen('this one too');
		await axe('sign-out-everywhere');
		await page.locator('dialog .danger').click();
		await waitState(page, 'signed-out');
		check(![...fake.sessions.values()].includes('demo1'), 'a session is left');
		await signIn('demo1');
		await waitState(page, 'portal');
	}],
	['French is spoken where it is wished for', async () => {
		const french = await person(browser, fake.url, { locale: 'fr-CA' });
		const tab = await french.newPage();
		await visit(tab, '/');
		await tab.getByRole('button', { name: 'Se connecter' }).waitFor();
		check((await tab.evaluate(() => document.documentElement.lang)) === 'fr', 'lang is not fr');
		await french.close();
	}],
	['a sign-out in one tab is seen in the others', async () => {
		const other = await context.newPage();
		await visit(other, '/');
		await waitState(other, 'portal');
		await signOut();
		await waitState(other, 'signed-out');
		await other.close();
		await signIn('demo1');
		await waitState(page, 'portal');
	}],
];

/** @type {[string, () => Promise<void>][]} */
const viewerSteps = [
	['the screen is shown, and the guest has the window’s size', async () => {
		await openOffice();
		await waitState(page, 'connected');
		await waitFor('the window’s size', 8000, async () => {
			const now = await picture(page);
			return now && now.width === 1280 && now.height === 800 && now.colours > 1;
		});
		await axe('viewer');
		await page.setViewportSize({ width: 1033, height: 777 });
		await waitFor('the new size', 5000, async () => (await picture(page))?.width === 1033 && (await picture(page))?.height === 777);
		await page.setViewportSize({ width: 1280, height: 800 });
		await waitFor('the old size', 5000, async () => (await picture(page))?.width === 1280);
	}],
	['keys reach the guest, and the way out leads to the tool bar and back', async () => {
		await page.mouse.click(200, 200);
		const before = (await picture(page))?.hash;
		await page.keyboard.type('echo carrel', { delay: 20 });
		await waitFor('a changed picture', 5000, async () => (await picture(page))?.hash !== before);
		for (const key of ['Control', 'Alt', 'Shift'])
			await page.keyboard.down(key);
		for (const key of ['Shift', 'Alt', 'Control'])
			await page.keyboard.up(key);
		await waitFor('focus on the tool bar', 2000, () => page.evaluate(() => document.activeElement?.closest('.bar') !== null));
		await axe('viewer-bar');
		await press('Keys');
		await axe('viewer-keys');
		await page.keyboard.press('Escape');
		await page.keyboard.press('Escape');
		await waitFor('focus on the screen', 2000, () => page.evaluate(() => document.activeElement?.tagName === 'CANVAS'));
	}],
	['a second monitor opens in a window of its own', async () => {
		check(await page.locator('.bar button', { hasText: 'Second monitor' }).isHidden(), 'a desktop of one monitor offers a second');
		fake.monitors = 2;
		const button = page.locator('.bar button', { hasText: 'Second monitor' }); // hidden while the tool bar is closed
		await wayOut(page);
		await waitFor('the offer', 12_000, () => button.isVisible());
		await button.focus();
		const came = context.waitForEvent('page');
		await page.keyboard.press('Enter');
		const second = await came;
		listen(second);
		await second.waitForLoadState();
		await second.setViewportSize({ width: 900, height: 640 });
		await waitFor('two monitors', 8000, async () => (await x11('xrandr', '--listactivemonitors')).match(/\+/g)?.length >= 4);
		await waitFor('the second monitor’s picture', 8000, async () => {
			const now = await second.evaluate(() => ((canvas) => canvas && !canvas.hidden && [canvas.width, canvas.height].join('x'))(document.querySelector('canvas')));
			return now === '900x640';
		});
		check((await picture(page)).width === 1280, 'the main window does not show the first monitor alone');
		// Exactly there, in each window.
		await second.mouse.move(311, 207);
		await waitFor('the pointer on the second', 5000, async () => /x:1591 y:207 /.test(await x11('xdotool', 'getmouselocation')));
		await page.mouse.move(640, 411);
		await waitFor('the pointer on the first', 5000, async () => /x:640 y:411 /.test(await x11('xdotool', 'getmouselocation')));
		const paint = spawn('xterm', ['-geometry', '40x10+1400+100', '-bg', '#375f87'], { env: { ...process.env, DISPLAY }, stdio: 'ignore' });
		children.push(paint);
		await waitFor('a window that was opened there', 8000, () => second.evaluate(() => {
			const canvas = document.querySelector('canvas');
			const { data } = canvas.getContext('2d').getImageData(1450 - 1280, 150, 1, 1);
			return data[0] === 0x37 && data[1] === 0x5f && data[2] === 0x87;
		}));
		// Its keys go there.
		await second.mouse.click(1450 - 1280, 150);
		await second.keyboard.type('exit', { delay: 30 });
		await second.keyboard.press('Enter');
		await waitFor('the end of that window', 8000, () => paint.exitCode !== null);
		await second.evaluate(AXE);
		const faults = await second.evaluate(() => globalThis.axe.run().then(({ violations }) => violations.map(({ id }) => id)));
		check(faults.length === 0, `axe: ${faults}`);
		await wayOut(second);
		check(await second.evaluate(() => document.activeElement?.tagName) === 'BUTTON', 'the way out does not lead to the window’s buttons');
		// The connection is lost and comes back: with both.
		fake.cut(0);
		await waitFor('both again', 15_000, () => second.evaluate(() => !document.querySelector('canvas').hidden && document.querySelector('canvas').width === 900));
		await waitState(page, 'connected', 15_000);
		// The window ends under the click.
		await second.getByRole('button', { name: 'Close this monitor' }).click().catch(() => {});
		await waitFor('one monitor', 8000, async () => (await x11('xrandr', '--listactivemonitors')).startsWith('Monitors: 1'));
		check(await button.getAttribute('aria-pressed') === 'false', 'the button does not say that it is closed');
		await page.evaluate(() => {
			window.open = () => null;
		});
		await wayOut(page);
		await button.click();
		await seen('Your browser opened no window');
		await press('Dismiss');
		fake.monitors = 1;
		// Keys go to the window under the pointer, as there is nobody who manages them.
		await page.mouse.move(200, 200);
	}],
	['a page that nobody sees is sent no pictures, and has them when it is looked at', async () => {
		const at = () => page.evaluate(() => [...document.querySelector('canvas').getContext('2d').getImageData(900, 600, 1, 1).data.slice(0, 3)].join());
		const look = (hidden) => page.evaluate((value) => {
			Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
			document.dispatchEvent(new Event('visibilitychange'));
		}, hidden);
		const paint = (title, colour) => {
			const child = spawn('xterm', ['-T', title, '-geometry', '40x10+800+550', '-bg', colour, '-fg', colour, '-cr', colour], { env: { ...process.env, DISPLAY }, stdio: 'ignore' });
			children.push(child);
			return child;
		};
		const first = paint('seen', '#375f87');
		await waitFor('a picture that is seen', 8000, async () => (await at()) === '55,95,135');
		await look(true);
		const second = paint('unseen', '#87375f');
		await waitFor('the window', 8000, async () => (await x11('xdotool', 'search', '--onlyvisible', '--name', '^unseen$')) !== '');
		await new Promise((resolve) => setTimeout(resolve, 1000));
		check((await at()) === '55,95,135', `a hidden page was sent ${await at()}`);
		await look(false);
		await waitFor('what came meanwhile', 8000, async () => (await at()) === '135,55,95');
		first.kill();
		second.kill();
	}],
	['text is copied both ways in UTF-8', async () => {
		const there = 'vers le bureau: é € 漢 ';
		await page.evaluate((text) => navigator.clipboard.writeText(text), there);
		await page.evaluate(() => dispatchEvent(new FocusEvent('focus')));
		await waitFor('the text in the guest', 5000, async () => (await xclip()) === there);
		const back = 'from the desktop: é € 漢\nand a second line';
		await xclip(back);
		await waitFor('the text in the browser', 5000, () => page.evaluate(async (text) => (await navigator.clipboard.readText()) === text, back));
		for (const key of ['Control', 'Alt', 'Shift'])
			await page.keyboard.down(key);
		for (const key of ['Shift', 'Alt', 'Control'])
			await page.keyboard.up(key);
		await page.locator('#bar-tools').getByRole('button', { name: 'Clipboard' }).click();
		check((await page.inputValue('#clip-field')) === back, 'the panel does not show the guest’s text');
		await axe('viewer-clipboard');
		await page.fill('#clip-field', 'par le champ: ñ 漢');
		await waitFor('the field’s text in the guest', 5000, async () => (await xclip()) === 'par le champ: ñ 漢');
		await page.keyboard.press('Escape');
		await page.keyboard.press('Escape');
	}],
	['a lost screen is back within two seconds, without a word', async () => {
		const started = Date.now();
		fake.cut(1012);
		await waitState(page, 'reconnecting', 1000);
		await waitState(page, 'connected', 2000);
		await waitFor('the picture', 2000, async () => ((await picture(page))?.colours ?? 0) > 1);
		check(Date.now() - started < 2000, `${Date.now() - started} ms`);
		fake.cut(0);
		await waitState(page, 'reconnecting', 1000);
		await waitState(page, 'connected', 2000);
	}],
	['a gateway that is away is waited for, with the last picture dimmed', async () => {
		fake.trouble = 'lost';
		fake.cut(0);
		await seen('Reconnecting');
		check(await page.locator('.ghost').count() === 1, 'the last picture is gone');
		await axe('reconnecting');
		fake.trouble = '';
		await press('Try now');
		await waitState(page, 'connected', 12_000);
	}],
	['each close code says its reason and a next step', async () => {
		for (const [code, words] of /** @type {[number, string][]} */ ([[4001, 'Your pass has expired'], [4003, 'Opened somewhere else'], [4008, 'Your time is up'], [4009, 'The desktop was stopped'], [4010, 'Ended by an administrator'], [4011, 'It cannot be recorded']])) {
			fake.cut(code);
			await waitState(page, 'ended');
			await seen(words);
			await axe(`closed-${code}`);
			check(await page.evaluate(() => document.activeElement?.tagName === 'H1'), 'the focus is not on the heading');
			const again = page.getByRole('button', { name: /Connect again|Open a desktop/ });
			if (await again.count())
				await again.click();
			else
				await page.reload();
			await waitState(page, 'connected');
		}
	}],
	['the end of the time is told in minutes, once to who listens, and can be put off', async () => {
		const size = () => page.evaluate(() => JSON.stringify(document.querySelector('.mount')?.getBoundingClientRect()));
		const before = await size();
		fake.limit = { ends: null, left: 880, extend: 1800, why: 'session' };
		await page.reload();
		await waitState(page, 'connected');
		await seen('Your time at this desktop ends in 15 minutes.');
		check((await told()).includes('ends in 15 minutes'), 'a screen reader does not hear it');
		check((await size()) === before, 'the screen has moved');
		await axe('time-left');
		await page.getByRole('button', { name: 'Keep working' }).focus();
		await page.keyboard.press('Enter');
		await waitFor('the note to go', 3000, async () => !(await page.evaluate(() => document.body.innerText.includes('ends in'))));
		check((await told()).includes('You have 45 minutes now.'), await told());
		await waitFor('focus on the screen', 2000, () => page.evaluate(() => document.activeElement?.tagName === 'CANVAS'));
		fake.limit = { ends: null, left: 62, extend: 0, why: 'schedule' };
		await page.reload();
		await waitState(page, 'connected');
		await seen('This desktop closes in 2 minutes. Save your work.');
		check(await page.getByRole('button', { name: 'Keep working' }).count() === 0, 'time is offered that there is not');
		await seen('This desktop closes in 58 seconds.');
		const spoken = await told();
		await seen('This desktop closes in 56 seconds.');
		check((await told()) === spoken && !spoken.includes('56'), 'each second is read aloud');
		await axe('last-minute');
		await press('Dismiss');
		check(!(await page.evaluate(() => document.body.innerText.includes('closes in'))), 'it was not dismissed');
		fake.cut(4008);
		await waitState(page, 'ended');
		await seen('This pool is closed at this hour');
		fake.limit = { ends: null, left: 250, extend: 600, why: 'session' };
		fake.idleLeft = 50;
		await page.reload();
		await waitState(page, 'connected');
		await seen('Nobody has used this desktop for a while');
		await axe('idle');
		fake.idleLeft = null;
		fake.limit.extend = 600;
		await seen('ends in 5 minutes');
		fake.limit.extend = 0;
		await press('Keep working');
		await seen('No more time can be added');
		fake.limit = { ends: null, left: null, extend: 0, why: null };
		await page.reload();
		await waitState(page, 'connected');
	}],
	['who wants to watch is told aloud and answered by the keyboard, and the person ends it', async () => {
		const dialog = page.getByRole('dialog');
		fake.watch = { state: 'asked', who: 'bert <b>', number: 1, left: 28 };
		await dialog.waitFor();
		check((await dialog.innerText()).includes('bert <b> asks to watch your screen'), await dialog.innerText());
		check(await page.evaluate(() => document.activeElement?.tagName === 'H2'), 'a button has the focus: whoever types answers');
		await page.keyboard.type('y \n');
		check(fake.watchAnswers.length === 0, 'typing answered');
		await axe('watch-asked');
		await page.keyboard.press('Tab');
		await page.keyboard.press('Enter');
		await waitFor('the answer', 3000, () => fake.watchAnswers.length === 1);
		check(fake.watchAnswers[0] === false && fake.watch === null, 'the first button is not “No”');
		await waitFor('focus on the screen', 2000, () => page.evaluate(() => document.activeElement?.tagName === 'CANVAS'));
		fake.watch = { state: 'asked', who: 'bert', number: 2, left: 30 };
		await dialog.waitFor();
		await dialog.getByRole('button', { name: 'Let them watch' }).press('Enter');
		await seen('bert is watching your screen.');
		check((await told()).includes('bert is watching your screen.'), 'a screen reader does not hear it');
		check(await dialog.count() === 0, 'it is asked again');
		await axe('watched');
		await page.getByRole('button', { name: 'End it' }).press('Enter');
		await waitFor('the end', 3000, () => fake.watch === null);
		await waitFor('the note to go', 5000, async () => !(await page.evaluate(() => document.body.innerText.includes('bert is watching'))));
		fake.watch = { state: 'asked', who: 'bert', number: 3, left: 30 };
		await dialog.waitFor();
		fake.watch = null;
		await dialog.waitFor({ state: 'detached' });
		check(fake.watchAnswers.length === 3, 'a question that went away was answered');
	}],
	['snapshots are saved and gone back to over the screen', async () => {
		await goTo(page, '#/open/exam');
		await waitState(page, 'connected');
		const desktop = [...fake.desktops.values()].find((one) => one.pool === 'exam');
		desktop.snapshots.length = 0;
		for (const key of ['Control', 'Alt', 'Shift'])
			await page.keyboard.down(key);
		for (const key of ['Shift', 'Alt', 'Control'])
			await page.keyboard.up(key);
		await page.locator('#bar-tools').getByRole('button', { name: 'Snapshots' }).press('Enter');
		await page.locator('.bar').getByLabel('Name of the new one').fill('here');
		await page.keyboard.press('Enter');
		await seen('Saved: here.');
		await axe('viewer-snapshots');
		await page.locator('.bar').getByRole('button', { name: /Go back.*here/ }).press('Enter');
		await page.locator('dialog .danger').click();
		await waitFor('the way back', 5000, () => desktop.reverted === 'here');
		await waitState(page, 'connected');
		await goTo(page, '#/open/office');
		await waitState(page, 'connected');
		await waitFor('the office', 5000, async () => page.evaluate(() => document.querySelector('.bar-title')?.textContent === 'Office desktop'));
		check(await page.locator('#bar-tools').getByRole('button', { name: 'Snapshots' }).count() === 0, 'a floating desktop offers snapshots');
	}],
	['a silent agent is told', async () => {
		fake.agent = false;
		await page.reload();
		await waitState(page, 'connected');
		await seen('No agent answers in this desktop');
		await axe('no-agent');
		fake.agent = true;
		await waitFor('the note to go', 15_000, () => page.evaluate(() => !document.body.innerText.includes('No agent answers')));
	}],
	['a clipboard that is off is greyed and said', async () => {
		await goTo(page, '#/open/lab');
		await waitState(page, 'connected');
		await page.locator('.bar-tab').click();
		if (await page.locator('#bar-tools').isHidden())
			await page.locator('.bar-tab').click();
		await page.locator('#bar-tools').getByRole('button', { name: 'Clipboard' }).click();
		await seen('The clipboard is off in this pool');
		await axe('clipboard-off');
		await press('Disconnect');
		await waitState(page, 'portal');
	}],
	['an administrator’s end of the session is told on the sign-in page', async () => {
		await openOffice();
		await waitState(page, 'connected');
		fake.sessions.clear();
		fake.cut(4010);
		await waitState(page, 'signed-out');
		await seen('An administrator ended this session');
		await signIn('demo1');
		await waitState(page, 'connected');
	}],
	['a touch screen has a keyboard to call', async () => {
		const phone = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: fake.url, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, storageState: await context.storageState() });
		const tab = await phone.newPage();
		await visit(tab, '/#/open/office');
		await waitState(tab, 'connected');
		await waitFor('a picture', 5000, async () => ((await picture(tab))?.colours ?? 0) > 1);
		await tab.getByRole('button', { name: 'Keyboard' }).tap();
		await shot(tab, 'phone');
		const before = (await picture(tab))?.hash;
		await tab.keyboard.insertText('# é€ typed on glass');
		await waitFor('a changed picture', 5000, async () => (await picture(tab))?.hash !== before);
		await shot(tab, 'phone-typed');
		await phone.close();
	}],
	['a sharp screen asks for its own pixels', async () => {
		const sharp = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: fake.url, viewport: { width: 1000, height: 600 }, deviceScaleFactor: 1.25, storageState: await context.storageState() });
		const tab = await sharp.newPage();
		await visit(tab, '/#/open/office');
		await waitState(tab, 'connected');
		await waitFor('1250 pixels', 5000, async () => (await picture(tab))?.width === 1250 && (await picture(tab))?.height === 750);
		await sharp.close();
	}],
];

let status = 1;
try {
	status = await runSteps([...steps, ...(vnc ? viewerSteps : [])], (name) => {
		console.log(`# requests that were dropped: ${dropped.join(', ') || 'none'}`);
		return shot(page, `failed-${name.replace(/\W+/g, '-')}`);
	});
} finally {
	await browser.close();
	await fake.close();
	for (const child of children)
		child.kill();
}
process.exit(status);
