// SPDX-License-Identifier: GPL-2.0-or-later
// What is said over the dimmed picture while the way to the desktop is sought.

import { el } from './dom.js';
import { t } from './words.js';

// A way that is back at once needs no words: they would only flash.
const QUIET_MS = 400;

/**
 * @param {HTMLElement} stage
 * @param {() => void} onTryNow
 */
export function createLostPanel(stage, onTryNow) {
	let quiet = 0;
	let ticker = 0;
	const next = el('p', { class: 'hint', 'aria-hidden': 'true' });
	const text = el('p', {}, t('lost.text'));
	const panel = el('div', { class: 'panel lost', role: 'status', hidden: true },
		el('h1', {}, t('lost.title')), text, next,
		el('button', { type: 'button', class: 'button', on: { click: () => onTryNow() } }, t('lost.now')));
	stage.append(panel);

	return {
		/**
		 * @param {number} waitMs until the next attempt
		 * @param {boolean} atOnce show it now, without the grace for a short loss
		 */
		show(waitMs, atOnce) {
			const until = Date.now() + waitMs;
			clearTimeout(quiet);
			clearInterval(ticker);
			const tick = () => {
				const seconds = Math.ceil((until - Date.now()) / 1000);
				next.textContent = seconds > 1 ? t('lost.next', { seconds }) : '';
				text.textContent = navigator.onLine ? t('lost.text') : t('lost.offline');
			};
			tick();
			ticker = setInterval(tick, 500);
			const reveal = () => {
				panel.hidden = false;
			};
			if (atOnce)
				reveal();
			else
				quiet = setTimeout(reveal, QUIET_MS);
		},
		offline() {
			text.textContent = t('lost.offline');
		},
		hide() {
			clearTimeout(quiet);
			clearInterval(ticker);
			panel.hidden = true;
		},
	};
}
