// SPDX-License-Identifier: GPL-2.0-or-later
// Files as the person sees them: a button and a place to drop them, a line for each on its way, and a question for each that the desktop
// offers.

import { el } from './dom.js';
import { createFiles, Local } from './files.js';
import { Result } from './files-wire.js';
import { sizeText } from './size.js';
import { toolIcon } from './tool-icons.js';
import { t } from './words.js';

// How long a line that tells of a success stays.
const SUCCESS_MS = 8000;

/** @param {string | undefined} policy the pool's FileTransfer= */
export function fileDirections(policy) {
	return { toDesktop: policy === 'both' || policy === 'to-desktop', fromDesktop: policy === 'both' || policy === 'from-desktop' };
}

/** What a result means and what to do next. @type {Map<number, string>} */
const sendFaults = new Map([
	[Result.CANCELLED, 'files.cancelled'], [Result.FAILED, 'files.failed'], [Result.DENIED, 'files.denied'], [Result.TOO_LARGE, 'files.tooLarge'],
	[Result.NO_SPACE, 'files.noSpace'], [Result.NO_AGENT, 'files.noAgent'], [Result.TOO_MANY, 'files.tooMany'], [Result.LOCKED, 'files.locked'],
	[Result.STALLED, 'files.stalled'], [Result.BROKEN, 'files.broken'], [Local.LOST, 'files.lost'], [Local.UNREADABLE, 'files.unreadable'],
]);
/** @type {Map<number, string>} */
const takeFaults = new Map([
	[Result.CANCELLED, 'files.stopped'], [Result.ELSEWHERE, 'files.elsewhere'], [Result.WITHDRAWN, 'files.withdrawn'], [Result.STALLED, 'files.takeStalled'],
	[Local.LOST, 'files.takeLost'], [Local.UNWRITABLE, 'files.unwritable'], [Local.HERE, 'files.hereTooLarge'],
]);

/**
 * @param {import('./files.js').Transfer} one
 * @param {number} max
 */
export function outcome(one, max) {
	const places = { name: one.name, max: sizeText(max), space: sizeText(one.space), size: sizeText(one.size) };
	if (one.result === Result.DONE)
		return t(one.out ? 'files.saved' : 'files.sent', places);
	return t(one.out ? takeFaults.get(one.result) ?? 'files.takeFailed' : sendFaults.get(one.result) ?? 'files.failed', places);
}

/**
 * @param {object} options
 * @param {HTMLElement} options.stage where files may be dropped
 * @param {HTMLElement} options.box for lines
 * @param {string} options.desktop
 * @param {{files?: string, 'file-max'?: number} | undefined} options.policy
 * @param {AbortSignal} options.gone
 * @param {() => void} options.onDone give the keyboard back to the screen
 */
export function createFilesPanel({ stage, box, desktop, policy, gone, onDone }) {
	const { toDesktop, fromDesktop } = fileDirections(policy?.files);
	const max = Number(policy?.['file-max']) || 0;
	/** @type {Map<import('./files.js').Transfer, ReturnType<typeof createLine>>} */
	const lines = new Map();
	const files = createFiles({ desktop, onChange });

	const spoken = el('p', { class: 'hidden', role: 'status' });
	const chooser = el('input', { type: 'file', multiple: true, hidden: true, on: { change: onChosen } });
	const button = el('button', { type: 'button', class: 'tool', hidden: !toDesktop, on: { click: () => chooser.click() } }, toolIcon('send'), el('span', {}, t('files.send')));
	const drop = el('div', { class: 'drop', hidden: true }, el('p', {}, toDesktop ? t('files.drop') : t('files.dropOff')));
	// Of its own, so that many files do not fill the screen.
	const list = el('div', { class: 'file-lines' });
	box.append(spoken, list);
	stage.append(drop, chooser);

	function onChosen() {
		sendAll([...chooser.files ?? []]);
		chooser.value = '';
		onDone();
	}

	/** @param {File[]} list */
	function sendAll(list) {
		for (const file of list) {
			if (max > 0 && file.size > max)
				tell(t('files.tooLarge', { name: file.name, max: sizeText(max) }), true);
			else
				files.send(file);
		}
	}

	/** @param {string} text @param {boolean} stays */
	function tell(text, stays) {
		const node = el('div', { class: 'toast' }, el('span', {}, text), el('button', { type: 'button', class: 'button quiet small', on: { click() {
			node.remove();
			onDone();
		} } }, t('note.dismiss')));
		spoken.textContent = text;
		list.append(node);
		if (!stays)
			setTimeout(() => node.remove(), SUCCESS_MS);
	}

	/** @param {import('./files.js').Transfer} one */
	function createLine(one) {
		const text = el('span', {});
		const bar = el('progress', { max: 100, value: 0, 'aria-label': one.name });
		const cancel = el('button', { type: 'button', class: 'button quiet small', on: { click() {
			files.cancel(one);
			onDone();
		} } });
		const save = el('button', { type: 'button', class: 'button primary small', on: { click: () => files.save(one) } }, t('files.save'), el('span', { class: 'hidden' }, ` (${one.name})`));
		const node = el('div', { class: 'toast file' }, text, bar, save, cancel);
		list.append(node);
		return {
			node,
			show() {
				const offered = one.state === 'offered';
				const percent = one.size > 0 ? Math.floor(100 * one.done / one.size) : 0;
				const places = { name: one.name, size: sizeText(one.size), percent };
				text.textContent = offered ? t('files.offer', places) : one.state === 'waits' ? t('files.waits', places) : t(one.out ? 'files.coming' : 'files.going', places);
				bar.value = percent;
				bar.hidden = offered;
				save.hidden = !offered;
				cancel.replaceChildren(t(offered ? 'files.refuse' : 'files.cancel'), el('span', { class: 'hidden' }, ` (${one.name})`));
			},
		};
	}

	/** @param {import('./files.js').Transfer} one */
	function onChange(one) {
		let line = lines.get(one);
		if (one.state === 'over') {
			line?.node.remove();
			lines.delete(one);
			// An offer that nobody answered, or that the person refused, needs no words.
			if (one.begun || (one.result !== Result.CANCELLED && one.result !== Local.LOST))
				tell(outcome(one, max), one.result !== Result.DONE);
			return;
		}
		if (!line) {
			line = createLine(one);
			lines.set(one, line);
			// Percents are for the eye: a screen reader hears that it began, and how it ended.
			spoken.textContent = t(one.out ? 'files.offer' : 'files.waits', { name: one.name, size: sizeText(one.size) });
		}
		line.show();
	}

	/** @param {DragEvent} event */
	const hasFiles = (event) => event.dataTransfer?.types.includes('Files') ?? false;

	/** @param {DragEvent} event */
	function onDrag(event) {
		if (!hasFiles(event))
			return;
		// Else the browser would leave this page for the file.
		event.preventDefault();
		/** @type {DataTransfer} */ (event.dataTransfer).dropEffect = toDesktop ? 'copy' : 'none';
		drop.hidden = false;
	}

	/** @param {DragEvent} event */
	function onDrop(event) {
		drop.hidden = true;
		if (!hasFiles(event))
			return;
		event.preventDefault();
		if (!toDesktop) {
			tell(t('files.dropOff'), true);
			return;
		}
		const items = [.../** @type {DataTransfer} */ (event.dataTransfer).items].filter((item) => item.kind === 'file');
		const folders = items.filter((item) => item.webkitGetAsEntry?.()?.isDirectory);
		if (folders.length > 0)
			tell(t('files.folder'), true);
		sendAll(items.filter((item) => !folders.includes(item)).map((item) => item.getAsFile()).filter((file) => file !== null));
		onDone();
	}

	stage.addEventListener('dragenter', onDrag, { signal: gone });
	stage.addEventListener('dragover', onDrag, { signal: gone });
	stage.addEventListener('dragleave', (event) => {
		if (!event.relatedTarget)
			drop.hidden = true;
	}, { signal: gone });
	stage.addEventListener('drop', onDrop, { signal: gone });
	gone.addEventListener('abort', () => files.close());

	return {
		button,
		/** The screen is there. Offers come only to who listens. */
		connected() {
			if (toDesktop || fromDesktop)
				files.open();
		},
		lost: () => files.close(),
	};
}
