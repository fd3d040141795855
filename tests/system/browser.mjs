// SPDX-License-Identifier: GPL-2.0-or-later
// One person's way through a running instance, in Chromium: sign in, open, see, type, resize, copy and paste, lose the screen and get
// it back, sign out. Prints TAP; the status is 0, 1, or 77 when it cannot run here.
//
//   tests/system/browser [INSTANCE.JSON]          default: $CARREL_INSTANCE, else _run/instance.json
//
// CARREL_USER       who signs in (default: the first who is no admin)
// CARREL_TERMINAL   keys that open a terminal in the guest, as Playwright names them (default: Control+Alt+t)
// CARREL_CUT        a shell command that cuts the stream (default: kill the instance's carrel-screen)
// CARREL_SHOTS      a folder for screenshots
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, collectComplaints, launch, person, picture, runSteps, shot, skip, stateOf, waitFor, waitState, visit } from '../lib/browser.mjs';

const top = process.env.CARREL_TOP ?? join(dirname(fileURLToPath(import.meta.url)), '../..');
const file = process.argv[2] ?? process.env.CARREL_INSTANCE ?? join(top, '_run/instance.json');
if (!existsSync(file))
	skip(`no instance runs (${file} is missing): start one with packaging/quickstart --background`);
const instance = JSON.parse(readFileSync(file, 'utf8'));
const user = instance.users.find((one) => (process.env.CARREL_USER ? one.name === process.env.CARREL_USER : !one.admin && one.pools?.length));
if (!user)
	skip('no user of the instance has a pool');

// Under emulation a desktop boots in some 20 s, and programs in it start slowly.
const BOOT_MS = 180_000;
const GUEST_MS = 45_000;

const browser = await launch();
const context = await person(browser, instance.portal, { permissions: ['clipboard-read', 'clipboard-write'] });
const page = await context.newPage();
const complaints = [];
collectComplaints(page, complaints);

async function signIn(password) {
	await page.fill('#user', user.name);
	await page.fill('#password', password);
	await page.press('#password', 'Enter');
}

const desktop = async () => (await page.evaluate(() => location.hash)).split('/')[2];

/** What the broker says of the desktop that is shown. */
async function ask() {
	const answer = await context.request.get(`/api/v1/desktops/${await desktop()}`);
	return answer.ok() ? answer.json() : null;
}

/** Which part of the picture is clearly red, green or blue. */
const share = (channel) => page.evaluate((wanted) => {
	const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('.mount canvas:not(.ghost)'));
	const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
	let found = 0;
	for (let i = 0; i < data.length; i += 4)
		if ([0, 1, 2].every((c) => (c === wanted ? data[i + c] > 200 : data[i + c] < 60)))
			found++;
	return found / (data.length / 4);
}, { red: 0, green: 1, blue: 2 }[channel]);

// The keys of a US keyboard that need Shift: Playwright types their characters without pressing it, and a guest sees keys.
const SHIFTED = new Map([...'~!@#$%^&*()_+{}|:"<>?'].map((character, i) => [character, [...'`1234567890-=[]\\;\',./'][i]]));

/** Types a line for the guest's shell, as a person with a US keyboard would: ASCII only. @param {string} line */
async function shell(line) {
	for (const character of line) {
		const plain = SHIFTED.get(character) ?? character.toLowerCase();
		await page.keyboard.press(plain === character ? plain : `Shift+${plain}`, { delay: 5 });
	}
	await page.keyboard.press('Enter');
}

/**
 * Has the shell paint the terminal when a condition holds, and waits for that colour. Typed again while nothing comes of it: a
 * terminal that is still starting loses what is typed before it has the focus.
 */
async function shellPaints(condition, channel) {
	// By value, since what "red" is goes by the terminal's theme.
	const colour = { red: '255;0;0', green: '0;255;0', blue: '0;0;255' }[channel];
	const deadline = Date.now() + GUEST_MS;
	let next = 0;
	await waitFor(`a ${channel} terminal`, GUEST_MS, async () => {
		if (Date.now() > next && Date.now() < deadline) {
			// What an earlier try left half typed.
			await page.keyboard.press('Control+c');
			await shell(`${condition} && printf '\\033[48;2;${colour}m\\033[2J\\033[H'`);
			next = Date.now() + 8000;
		}
		return (await share(channel)) > 0.05;
	});
}

/** @param {string} text as a printf format in ASCII */
const escaped = (text) => [...Buffer.from(text)].map((byte) => (byte < 0x80 && byte > 0x20 && byte !== 0x25 && byte !== 0x27 && byte !== 0x5c
	? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`)).join('');

/** Processes of this instance's display server that draw a screen: they are children of the one that was given the config. */
function screenProcesses() {
	const known = new Map();
	for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
		try {
			const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
			known.set(Number(pid), {
				parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]),
				words: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'),
			});
		} catch {
			// It ended meanwhile.
		}
	}
	const ours = (pid) => {
		for (let at = known.get(pid); at; at = known.get(at.parent))
			if (at.words.includes(instance.config))
				return true;
		return false;
	};
	return [...known.keys()].filter((pid) => /(^|\/)carrel-screen$/.test(known.get(pid).words[0]) && ours(pid));
}

const outward = 'from here: é € 漢';
const inward = 'from the desktop: é € 漢';

/** @type {[string, () => Promise<void>][]} */
const steps = [
	['a wrong password is told', async () => {
		await visit(page, '/');
		await waitState(page, 'signed-out');
		await shot(page, 'sign-in');
		await signIn('certainly wrong');
		await page.locator('.message.fault:not(:empty)').waitFor();
	}],
	['a person signs in', async () => {
		await signIn(user.password);
		await waitState(page, 'portal');
		await page.locator('.card').first().waitFor();
		await shot(page, 'portal');
	}],
	['Open shows the desktop', async () => {
		const started = Date.now();
		await page.locator('.card .big').first().click();
		await waitState(page, 'connected', BOOT_MS);
		await waitFor('a picture that is not one colour', BOOT_MS, async () => ((await picture(page))?.colours ?? 0) > 8);
		console.log(`# first frame after ${Date.now() - started} ms`);
		await shot(page, 'first-frame');
	}],
	['the agent answers', async () => {
		await waitFor('the agent', BOOT_MS, async () => (await ask())?.agent);
	}],
	['the guest follows the window', async () => {
		for (const size of [{ width: 1033, height: 777 }, { width: 1280, height: 800 }]) {
			await page.setViewportSize(size);
			await waitFor(`a guest of ${size.width}×${size.height}`, GUEST_MS, async () => {
				const now = await picture(page);
				return now?.width === size.width && now.height === size.height && now.colours > 8;
			});
			await shot(page, `resized-${size.width}`);
		}
	}],
	['keys reach a terminal in the guest', async () => {
		await page.mouse.click(900, 600);
		await page.keyboard.press(process.env.CARREL_TERMINAL ?? 'Control+Alt+t');
		await page.waitForTimeout(2000);
		await shellPaints('true', 'red');
		await shot(page, 'typed');
	}],
	['text is copied to the guest in UTF-8', async () => {
		await page.evaluate((text) => navigator.clipboard.writeText(text), outward);
		// Coming back to the window is what makes the page look at the clipboard.
		await page.evaluate(() => dispatchEvent(new FocusEvent('focus')));
		await page.waitForTimeout(500);
		await shellPaints(`test "$(xclip -o -selection clipboard)" = "$(printf '${escaped(outward)}')"`, 'green');
		await shot(page, 'clipboard');
	}],
	['text is copied from the guest in UTF-8', async () => {
		await shell(`printf '${escaped(inward)}' | xclip -i -selection clipboard >/dev/null`);
		await waitFor('the guest’s text in the browser', GUEST_MS, () => page.evaluate(async (text) => (await navigator.clipboard.readText()) === text, inward));
	}],
	['a screen that was cut is back within two seconds, on the same desktop', async () => {
		const was = await desktop();
		const cut = process.env.CARREL_CUT;
		const victims = cut ? [] : screenProcesses();
		check(cut || victims.length > 0, 'no carrel-screen of this instance was found; set CARREL_CUT');
		const started = Date.now();
		if (cut)
			execFileSync('/bin/sh', ['-c', cut]);
		for (const pid of victims)
			process.kill(pid, 'SIGKILL');
		await waitState(page, 'reconnecting', 5000);
		await waitState(page, 'connected', 5000);
		await waitFor('the picture', 5000, async () => ((await picture(page))?.colours ?? 0) > 8);
		const took = Date.now() - started;
		console.log(`# back after ${took} ms`);
		check(took < 2000, `it took ${took} ms`);
		check((await desktop()) === was, 'another desktop');
		check((await share('green')) > 0.05, 'the terminal is not as it was');
		await shellPaints('true', 'blue');
		await shot(page, 'reconnected');
	}],
	['the tool bar is reached by the way out, and leaves', async () => {
		for (const key of ['Control', 'Alt', 'Shift'])
			await page.keyboard.down(key);
		for (const key of ['Shift', 'Alt', 'Control'])
			await page.keyboard.up(key);
		await page.locator('#bar-tools').getByRole('button', { name: 'Disconnect' }).click();
		await waitState(page, 'portal');
		await page.getByText('Running, just as you left it').waitFor();
	}],
	['signing out wipes the desktop', async () => {
		await page.getByRole('button', { name: 'Sign out' }).click();
		await waitFor('the sign-in page', 20_000, async () => {
			if (await page.locator('dialog .danger').count())
				await page.locator('dialog .danger').click();
			return (await stateOf(page)) === 'signed-out';
		});
		check((await context.request.get('/api/v1/me')).status() === 401, 'the session is still open');
		await shot(page, 'signed-out');
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
}
process.exit(status);
