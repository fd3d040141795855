// SPDX-License-Identifier: GPL-2.0-or-later
// What a VNC viewer is to be told: a user name and a password that are good once, and how to begin.

import { copyRow } from './card.js';
import { el } from './dom.js';
import { t } from './words.js';

/** @type {WeakMap<HTMLElement, number>} */
const timers = new WeakMap();

/**
 * @typedef {object} Pass as POST desktops/ID/vnc answers
 * @property {string} address
 * @property {number} port
 * @property {string} user
 * @property {string} password
 * @property {string} uri
 * @property {number} expires seconds
 * @property {string | null} ca
 */

/**
 * Shows it for as long as it is good.
 * @param {HTMLElement} box
 * @param {HTMLElement} said where it is told to all, screen readers too
 * @param {Pass} pass
 */
export function showPass(box, said, pass) {
	const viewer = ['vncviewer', '-SecurityTypes=X509Plain', ...(pass.ca ? ['-X509CA=ca.pem'] : []), `${pass.address}::${pass.port}`].join(' ');
	box.replaceChildren(
		copyRow(t('signin.user'), pass.user, said),
		copyRow(t('signin.password'), pass.password, said),
		copyRow(t('pass.link'), pass.uri, said),
		copyRow('TigerVNC', viewer, said));
	if (pass.ca)
		box.append(el('p', { class: 'hint' }, t('pass.ca'), ' ', el('a', { href: '/ca.pem', download: 'ca.pem' }, 'ca.pem')));
	box.hidden = false;
	said.textContent = t('pass.made', { seconds: pass.expires });
	clearTimeout(timers.get(box));
	timers.set(box, setTimeout(() => {
		box.replaceChildren();
		box.hidden = true;
		said.textContent = t('pass.over');
	}, pass.expires * 1000));
}
