// SPDX-License-Identifier: GPL-2.0-or-later
// Somebody else asks to watch this desktop, or does. The server draws the question into the picture, too; here it can be read aloud
// and answered by its buttons.

import { api } from './api.js';
import { el } from './dom.js';
import { faultText } from './faults.js';
import { t } from './words.js';

/** @typedef {{state: 'asked' | 'watched', who: string, number?: number, left?: number}} Watch of GET desktops/ID */

/**
 * @param {object} options
 * @param {HTMLElement} options.box of the notes
 * @param {string} options.desktop its id
 * @param {AbortSignal} options.gone
 * @param {() => void} options.onDone give the keyboard back to the screen
 */
export function createWatched({ box, desktop, gone, onDone }) {
	/** @type {HTMLDialogElement | null} */
	let dialog = null;
	/** @type {Watch | null} */
	let now = null;
	// The server may tell of a question for a moment after it was answered.
	/** @type {number | undefined} */
	let answered = 0;

	const spoken = el('p', { class: 'hidden', role: 'status' });
	const text = el('span', {});
	const node = el('div', { class: 'toast watched', hidden: true }, text,
		el('button', { type: 'button', class: 'button primary small', on: { click: () => say(false) } }, t('watch.stop')));
	box.append(spoken, node);

	/** @param {boolean} yes */
	async function say(yes) {
		try {
			await api('POST', `desktops/${encodeURIComponent(desktop)}/watch/answer`, { body: { yes }, signal: gone });
		} catch (error) {
			if (!gone.aborted)
				spoken.textContent = faultText(error);
		}
		onDone();
	}

	/** @param {Watch} watch */
	function ask({ who, number, left }) {
		const title = el('h2', { id: 'watch-title', tabIndex: -1 }, t('watch.title', { who }));
		const no = el('button', { type: 'button', class: 'button', on: { click: () => dialog?.close('no') } }, t('watch.no'));
		const yes = el('button', { type: 'button', class: 'button primary', on: { click: () => dialog?.close('yes') } }, t('watch.yes'));
		const opened = /** @type {HTMLDialogElement} */ (el('dialog', { class: 'dialog', 'aria-labelledby': 'watch-title', 'aria-describedby': 'watch-text' },
			title, el('p', { id: 'watch-text' }, t('watch.text', { seconds: left ?? 0 })), el('div', { class: 'row end' }, no, yes)));
		dialog = opened;
		opened.addEventListener('close', () => {
			opened.remove();
			dialog = null;
			// Without a word it was closed from here: there is no question any more.
			if (opened.returnValue === 'gone')
				return onDone();
			answered = number;
			say(opened.returnValue === 'yes');
		});
		document.body.append(opened);
		opened.showModal();
		// Not a button: whoever is typing just then must not answer by it.
		title.focus();
	}

	function showWatching() {
		const watching = now?.state === 'watched' ? now.who : '';
		const sentence = watching ? t('watch.now', { who: watching }) : '';
		if (sentence !== text.textContent) {
			spoken.textContent = sentence || (text.textContent ? t('watch.over') : '');
			text.textContent = sentence;
		}
		node.hidden = !watching;
	}

	gone.addEventListener('abort', () => dialog?.close('gone'));
	return {
		/** @param {Watch | null | undefined} watch */
		take(watch) {
			now = watch ?? null;
			if (now?.state !== 'asked') {
				dialog?.close('gone');
			} else if (!dialog && now.number !== answered && !gone.aborted) {
				ask(now);
			}
			showWatching();
		},
		/** What is shown here must not be old. */
		isUrgent: () => now !== null,
	};
}
