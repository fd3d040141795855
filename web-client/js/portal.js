// SPDX-License-Identifier: GPL-2.0-or-later
// The desktops that a person may use: one card each, with one big button.

import { api } from './api.js';
import { createCard } from './card.js';
import { confirm, el, icon } from './dom.js';
import { faultText } from './faults.js';
import { loadSessions } from './lazy.js';
import { t } from './words.js';

const CALM_MS = 15_000;
const BUSY_MS = 2000;

/**
 * @param {import('./main.js').Context} context
 * @returns {import('./main.js').View}
 */
export function renderPortal(context) {
	const gone = new AbortController();
	/** @type {Map<string, ReturnType<typeof createCard>>} */
	const cards = new Map();
	let timer = 0;

	context.setState('portal', t('portal.title'));
	const heading = el('h1', { tabIndex: -1 }, t('portal.title'));
	const fault = el('p', { class: 'message fault', role: 'alert' });
	const list = el('ul', { class: 'cards', 'aria-busy': 'true' });
	context.root.append(header(), el('main', { class: 'portal' }, heading, fault, list, sessions()));
	heading.focus();

	function header() {
		return el('header', { class: 'top' },
			el('span', { class: 'brand' }, icon('lamp'), 'Carrel'),
			el('span', { class: 'who' }, t('portal.greeting', { user: context.me.user })),
			el('button', { type: 'button', class: 'button quiet', on: { click: signOut } }, icon('out'), t('portal.signOut')));
	}

	async function refresh() {
		clearTimeout(timer);
		try {
			const pools = await api('GET', 'pools', { signal: gone.signal });
			context.pools = Array.isArray(pools) ? pools : [];
			fault.textContent = '';
			show(context.pools);
		} catch (error) {
			if (gone.signal.aborted)
				return;
			fault.textContent = faultText(error);
		}
		list.removeAttribute('aria-busy');
		if (gone.signal.aborted)
			return;
		const busy = fault.textContent !== '' || context.pools.some((pool) => pool.desktop && !['assigned', 'off'].includes(pool.desktop.state));
		timer = setTimeout(() => (document.hidden ? undefined : refresh()), busy ? BUSY_MS : CALM_MS);
	}

	/** @param {import('./main.js').Pool[]} pools */
	function show(pools) {
		for (const [name, card] of cards) {
			if (!pools.some((pool) => pool.name === name)) {
				card.node.remove();
				cards.delete(name);
			}
		}
		for (const pool of pools) {
			let card = cards.get(pool.name);
			if (!card) {
				card = createCard(context, pool, gone.signal, refresh);
				cards.set(pool.name, card);
				list.append(card.node);
			}
			card.update(pool);
		}
		list.querySelector('.nothing')?.remove();
		if (pools.length === 0)
			list.append(el('li', { class: 'card nothing' }, el('h2', {}, t('portal.none')), el('p', {}, t('portal.noneText'))));
	}

	/** Where one is signed in: seldom wanted, so fetched when it is opened. */
	function sessions() {
		const said = el('p', { class: 'said fault', role: 'status' });
		const node = el('details', { class: 'more sessions', on: { async toggle() {
			if (!node.open)
				return;
			try {
				const { showSessions } = await loadSessions();
				said.textContent = '';
				if (!gone.signal.aborted)
					showSessions(context, node, gone.signal, wiped);
			} catch (error) {
				said.textContent = faultText(error);
			}
		} } }, el('summary', {}, t('sessions.title'), icon('chevron')), said);
		return node;
	}

	/** Titles of the desktops that a sign-out erases. */
	function wiped() {
		return context.pools.filter((pool) => pool.desktop && pool.desktop.kind !== 'persistent' && (pool.reset ?? 'logout') === 'logout').map((pool) => pool.title);
	}

	async function signOut() {
		const mine = wiped();
		const sure = mine.length === 0 || await confirm({
			title: t('portal.signOutTitle'),
			text: [t('portal.signOutText'), t('portal.signOutMine', { desktops: mine.join(', ') }), t('portal.signOutOther')],
			yes: t('portal.signOutYes'),
			no: t('portal.signOutNo'),
			danger: true,
		});
		if (!sure)
			return;
		try {
			await context.signOut();
		} catch (error) {
			fault.textContent = faultText(error);
		}
	}

	document.addEventListener('visibilitychange', () => (document.hidden ? undefined : refresh()), { signal: gone.signal });
	addEventListener('online', () => refresh(), { signal: gone.signal });
	refresh();
	return {
		dispose() {
			gone.abort();
			clearTimeout(timer);
		},
	};
}
