// SPDX-License-Identifier: GPL-2.0-or-later
// Short notes at the foot of the screen: what does not work just now, and the one question about the clipboard.

import { isBooting } from './desktop.js';
import { el } from './dom.js';
import { t } from './words.js';

const OFFER_KEY = 'carrel.clipboard-asked';

/** @param {HTMLElement} stage */
export function createNotes(stage) {
	const agentText = el('span', {});
	const agent = note(agentText, el('button', { type: 'button', class: 'button quiet small', on: { click() {
		dismissed = agentText.textContent;
		agent.hidden = true;
	} } }, t('note.dismiss')));
	const offer = note();
	const word = note();
	const box = el('div', { class: 'notes' }, el('div', { class: 'notes', role: 'status' }, agent, offer, word));
	let dismissed = '';
	stage.append(box);

	return {
		/** For notes that say themselves when they are to be heard. */
		box,

		/** @param {import('./desktop.js').DesktopState} now */
		show(now) {
			const text = now.agent ? now.note || '' : isBooting(now) ? t('note.starting') : t('note.noAgent');
			if (agentText.textContent !== text)
				agentText.textContent = text;
			agent.hidden = text === '' || text === dismissed;
		},

		/** Until it is dismissed. @param {string} text */
		tell(text) {
			word.replaceChildren(el('span', {}, text), el('button', { type: 'button', class: 'button quiet small', on: { click() {
				word.hidden = true;
			} } }, t('note.dismiss')));
			word.hidden = false;
		},

		/**
		 * @param {boolean} on
		 * @param {() => void} onAllow by a click, so that the browser may ask in turn
		 */
		offerClipboard(on, onAllow) {
			if (!on || remembered()) {
				offer.hidden = true;
				return;
			}
			const close = () => {
				offer.hidden = true;
				remember();
			};
			offer.replaceChildren(el('span', {}, t('clip.offer')),
				el('button', { type: 'button', class: 'button primary small', on: { click() {
					close();
					onAllow();
				} } }, t('clip.allow')),
				el('button', { type: 'button', class: 'button quiet small', on: { click: close } }, t('clip.later')));
			offer.hidden = false;
		},
	};
}

/** @param {...(Node | string)} content */
function note(...content) {
	return el('div', { class: 'toast', hidden: true }, ...content);
}

// A browser may refuse storage: then the question comes each time, and no harm is done.
function remembered() {
	try {
		return localStorage.getItem(OFFER_KEY) !== null;
	} catch {
		return false;
	}
}

function remember() {
	try {
		localStorage.setItem(OFFER_KEY, '1');
	} catch {
		// See above.
	}
}
