// SPDX-License-Identifier: GPL-2.0-or-later
// A person's browser at a desktop, driven by tests/system/files: a line of JSON in, a line of JSON out.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { check, collectComplaints, launch, person, shot, waitFor, waitState, visit } from './browser.mjs';

const instance = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const browser = await launch();
const context = await person(browser, instance.portal, { acceptDownloads: true });
const page = await context.newPage();
const complaints = [];
collectComplaints(page, complaints);

const notes = () => page.locator('.notes').first().innerText();
const sha = (bytes) => createHash('sha256').update(bytes).digest('hex');

const commands = {
	async open({ user, desktop, seconds }) {
		const { password } = instance.users.find(({ name }) => name === user);
		await visit(page, '/');
		await waitState(page, 'signed-out');
		await page.fill('#user', user);
		await page.fill('#password', password);
		await page.press('#password', 'Enter');
		await waitState(page, 'portal');
		await visit(page, `/#/desktop/${desktop}`);
		await waitState(page, 'connected', seconds * 1000);
	},
	/** By the tool bar's button. */
	async choose({ file }) {
		for (const key of ['Control', 'Alt', 'Shift'])
			await page.keyboard.down(key);
		for (const key of ['Shift', 'Alt', 'Control'])
			await page.keyboard.up(key);
		const chooser = page.waitForEvent('filechooser');
		await page.getByRole('button', { name: 'Send files' }).press('Enter');
		await (await chooser).setFiles(file);
	},
	/** Let fall onto the screen: a file of this many bytes, each `seed` more than the one before. Its hash. */
	async drop({ name, size, seed }) {
		const bytes = Buffer.alloc(size);
		for (let i = 0; i < size; i++)
			bytes[i] = i * seed + (i >> 8);
		await page.evaluate(({ fileName, n, step }) => {
			const content = new Uint8Array(n);
			for (let i = 0; i < n; i++)
				content[i] = i * step + (i >> 8);
			const transfer = new DataTransfer();
			transfer.items.add(new File([content], fileName));
			const target = document.querySelector('.mount canvas:not(.ghost)');
			for (const type of ['dragenter', 'dragover', 'drop'])
				target.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
		}, { fileName: name, n: size, step: seed });
		return sha(bytes);
	},
	async wait({ text, seconds }) {
		await waitFor(`“${text}”; the page says “${await notes()}”`, seconds * 1000, async () => (await notes()).includes(text));
		await shot(page, `files-${text.replace(/\W+/g, '-').slice(0, 40)}`);
		return notes();
	},
	says: notes,
	async click({ button }) {
		await page.locator('.notes').getByRole('button', { name: button }).first().click();
	},
	/** Takes an offer into memory, as a browser does that cannot write to the disk. The file's name and hash. */
	async saveInMemory() {
		await page.evaluate(() => delete globalThis.showSaveFilePicker);
		const came = page.waitForEvent('download', { timeout: 120_000 });
		await commands.click({ button: /^Save/ });
		const download = await came;
		return { name: download.suggestedFilename(), hash: sha(readFileSync(await download.path())) };
	},
	/** The same onto the "disk": the browser's own, since a test cannot answer its dialog. */
	async saveToDisk({ seconds }) {
		await page.evaluate(() => {
			globalThis.showSaveFilePicker = async ({ suggestedName }) => {
				globalThis.pickedName = suggestedName;
				return (await navigator.storage.getDirectory()).getFileHandle('picked', { create: true });
			};
		});
		await commands.click({ button: /^Save/ });
		await commands.wait({ text: `${await page.evaluate(() => globalThis.pickedName)} is saved`, seconds });
		return page.evaluate(async () => {
			const file = await (await (await navigator.storage.getDirectory()).getFileHandle('picked')).getFile();
			const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
			return { name: globalThis.pickedName, hash: [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('') };
		});
	},
	state: () => page.evaluate(() => document.body.dataset.state),
	async close() {
		check(complaints.length === 0, complaints.join(' ; '));
	},
};

for await (const line of createInterface({ input: process.stdin })) {
	const { does, ...more } = JSON.parse(line);
	try {
		console.log(JSON.stringify({ result: (await commands[does](more)) ?? null }));
	} catch (error) {
		await shot(page, `files-failed-${does}`);
		console.log(JSON.stringify({ error: String(error.message).split('\n').slice(0, 4).join(' | ') }));
	}
	if (does === 'close')
		break;
}
await browser.close();
