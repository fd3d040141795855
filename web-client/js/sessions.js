// SPDX-License-Identifier: GPL-2.0-or-later
// Where a person is signed in: a list behind a disclosure, each entry with a way to end it, and one to end them all.

import { api } from './api.js';
import { confirm, el, icon } from './dom.js';
import { faultText } from './faults.js';
import { poolOf } from './routes.js';
import { language, t } from './words.js';

/**
 * @typedef {{id: string, kind: string, address: string, created: number, seen: number, current: boolean, desktops: string[]}} Session
 */

/**
 * Fills the disclosure anew, with the list as it is now.
 * @param {import('./main.js').Context} context
 * @param {HTMLDetailsElement} details
 * @param {AbortSignal} gone the portal was left
 * @param {() => string[]} wiped titles of the desktops that a sign-out erases
 */
export function showSessions(context, details, gone, wiped) {
	const moment = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
	const said = el('p', { class: 'said', role: 'status' });
	const list = el('ul');
	const summary = /** @type {HTMLElement} */ (details.querySelector('summary'));
	const all = el('button', { type: 'button', class: 'button danger-quiet', on: { click: onAll } }, icon('out'), t('sessions.all'));
	const content = el('div', {}, list, said, el('div', { class: 'way' }, all, el('p', { class: 'hint' }, t('sessions.hint'))));

	/** @param {() => Promise<void>} action */
	async function act(action) {
		try {
			await action();
			said.classList.remove('fault');
		} catch (error) {
			if (gone.aborted)
				return;
			said.classList.add('fault');
			said.textContent = faultText(error);
		}
	}

	function refresh() {
		return act(async () => {
			const sessions = await api('GET', 'sessions', { signal: gone });
			list.replaceChildren(...(Array.isArray(sessions) ? sessions : []).map(entry));
		});
	}

	/** @param {Session} session */
	function entry(session) {
		const kind = t(session.current ? 'sessions.current' : session.kind === 'vnc' ? 'sessions.vnc' : 'sessions.portal');
		const name = t('sessions.from', { kind, address: session.address });
		const time = (/** @type {number} */ seconds) => moment.format(new Date(seconds * 1000));
		const titles = session.desktops.map((id) => context.pools.find((pool) => pool.name === poolOf(id))?.title ?? id);
		return el('li', { class: 'way' },
			el('p', { class: 'way-name' }, name),
			el('p', { class: 'hint' }, t('sessions.times', { created: time(session.created), seen: time(session.seen) })),
			titles.length > 0 && el('p', { class: 'hint' }, t('sessions.shows', { desktops: titles.join(', ') })),
			!session.current && el('button', { type: 'button', class: 'button', on: { click: () => onEnd(session.id) } },
				t('sessions.end'), el('span', { class: 'hidden' }, ` (${name})`)));
	}

	/** @param {string} id */
	function onEnd(id) {
		return act(async () => {
			await api('DELETE', `sessions/${encodeURIComponent(id)}`, { signal: gone });
			await refresh();
			// The button that had the focus is gone.
			summary.focus();
			said.textContent = t('sessions.ended');
		});
	}

	async function onAll() {
		const mine = wiped();
		const sure = await confirm({
			title: t('sessions.allTitle'),
			text: [t('sessions.allText'), ...(mine.length > 0 ? [t('portal.signOutText'), t('portal.signOutMine', { desktops: mine.join(', ') })] : [])],
			yes: t('sessions.all'),
			no: t('portal.signOutNo'),
			danger: true,
		});
		if (sure)
			await act(() => context.signOut(true));
	}

	details.querySelector('div')?.remove();
	details.append(content);
	refresh();
}
