// SPDX-License-Identifier: GPL-2.0-or-later
// What a VNC viewer is to be told: where to go, and a user name and a password that are good once.

import { el, icon } from './dom.js';
import { t } from './words.js';

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
 * @param {HTMLElement} way is filled
 * @param {import('./main.js').Me} me
 * @param {string} pool
 * @param {HTMLElement} said where it is told to all, screen readers too
 * @param {(use: (pass: Pass) => void) => void} getPass
 */
export function fillVncWay(way, me, pool, said, getPass) {
	const box = el('div', { class: 'way', hidden: true });
	let timer = 0;

	if (!me.vnc)
		return;

	/**
	 * @param {string} label
	 * @param {string} text
	 */
	function copyRow(label, text) {
		const code = el('code', { class: 'address' }, text);
		const copy = el('button', { type: 'button', class: 'button quiet', async onclick() {
			try {
				await navigator.clipboard.writeText(text);
				said.textContent = t('portal.copied');
			} catch {
				getSelection()?.selectAllChildren(code);
			}
		} }, icon('copy'), t('portal.copy'), el('span', { class: 'hidden' }, ` ${label}`));
		return el('div', { class: 'row' }, el('span', { class: 'way-name' }, label), code, copy);
	}

	function forget() {
		box.replaceChildren();
		box.hidden = true;
		said.textContent = t('pass.over');
	}

	/** @param {Pass} pass */
	function show(pass) {
		const viewer = ['vncviewer', '-SecurityTypes=X509Plain', ...(pass.ca ? ['-X509CA=ca.pem'] : []), `${pass.address}::${pass.port}`].join(' ');
		box.replaceChildren(copyRow(t('signin.user'), pass.user), copyRow(t('signin.password'), pass.password), copyRow('URL', pass.uri),
			copyRow('TigerVNC', viewer));
		if (pass.ca)
			box.append(el('p', { class: 'hint' }, t('pass.ca'), ' ', el('a', { href: '/ca.pem', download: 'ca.pem' }, 'ca.pem')));
		box.hidden = false;
		said.textContent = t('pass.made', { seconds: pass.expires });
		clearTimeout(timer);
		timer = setTimeout(forget, pass.expires * 1000);
	}

	way.replaceChildren(
		copyRow(t('portal.vnc'), me.vnc),
		el('p', { class: 'hint' }, t('portal.vncHint', { user: `${me.user}/${pool}` })),
		el('button', { type: 'button', class: 'button', on: { click: () => getPass(show) } }, t('pass.get')),
		box);
}
