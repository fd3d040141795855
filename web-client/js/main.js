// SPDX-License-Identifier: GPL-2.0-or-later
// Starts the page: who is signed in, which view the address names, and what is said to the other tabs.

import { api, session, LostError } from './api.js';
import { el } from './dom.js';
import { faultText } from './faults.js';
import { loadDesktop, loadRecording, retryOf } from './lazy.js';
import { parseRoute, routeHash } from './routes.js';
import { language, t } from './words.js';
import { renderPortal } from './portal.js';
import { renderSignIn } from './sign-in.js';

/**
 * @typedef {object} Me
 * @property {string} user
 * @property {boolean} admin
 * @property {string | null} vnc "host:port"
 *
 * @typedef {object} Pool
 * @property {string} name
 * @property {string} title
 * @property {{id: string, state: string, step: string | null, usable?: boolean, kind?: string, queue?: {place: number, waiting: number} | null} | null} desktop
 * @property {{clipboard?: string, recorded?: boolean, sound?: boolean, microphone?: boolean}} [policy]
 * @property {string} [state] active, draining or broken
 * @property {string} [reset] when its desktops are wiped: never, logout, disconnect or schedule
 *
 * @typedef {object} View
 * @property {() => void} [dispose]
 *
 * @typedef {object} Context what a view may use of the rest
 * @property {HTMLElement} root
 * @property {Me} me
 * @property {Pool[]} pools as they were last seen; for titles
 * @property {(route: import('./routes.js').Route) => void} go
 * @property {(state: string, title?: string) => void} setState
 * @property {(everywhere?: boolean) => Promise<void>} signOut
 */

const root = /** @type {HTMLElement} */ (document.getElementById('app'));
const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('carrel') : null;
/** @type {View} */
let view = {};
/** Counts renderings, so that a late one does not overwrite a newer one. */
let turn = 0;

/** @type {Context} */
const context = {
	root,
	me: { user: '', admin: false, vnc: null },
	pools: [],
	go(route) {
		const hash = routeHash(route);
		if (location.hash === hash)
			render();
		else
			location.hash = hash;
	},
	setState(state, title) {
		document.body.dataset.state = state;
		document.title = title ? `${title} · Carrel` : 'Carrel';
	},
	async signOut(everywhere = false) {
		// Through api(), a 401 would be told as an expired session: it is what was asked for.
		await api('POST', 'sign-out', { body: everywhere ? { everywhere } : {}, signingIn: true }).catch((error) => {
			if (error instanceof LostError)
				throw error;
		});
		tabs?.postMessage('signed-out');
		context.me.user = '';
		history.replaceState(null, '', '#/');
		showSignIn(t('signin.out'), false);
	},
};

function clear() {
	turn++;
	view.dispose?.();
	view = {};
	for (const dialog of document.querySelectorAll('dialog'))
		dialog.remove();
	root.replaceChildren();
	// The next view says its own, when it has been fetched.
	document.body.dataset.state = 'loading';
}

/**
 * @param {string} said why the person sees this page; '' at the first visit
 * @param {boolean} isFault
 */
function showSignIn(said, isFault) {
	clear();
	view = renderSignIn(context, said, isFault, (me) => {
		context.me = me;
		tabs?.postMessage('signed-in');
		start();
	});
}

session.onEnd = () => {
	if (document.body.dataset.state === 'signed-out')
		return;
	const known = context.me.user !== '';
	context.me.user = '';
	const why = session.why || t('signin.expired');
	session.why = '';
	showSignIn(known ? why : '', known);
};

async function render() {
	clear();
	const mine = turn;
	const route = parseRoute(location.hash);
	if (route.page === 'portal') {
		view = renderPortal(context);
		return;
	}
	try {
		const show = route.page === 'recording'
			? (await loadRecording()).renderRecording.bind(null, context, route)
			: (await loadDesktop()).renderDesktop.bind(null, context, route);
		if (mine === turn)
			view = show();
	} catch (error) {
		if (mine === turn)
			showFault(error);
	}
}

async function start() {
	try {
		const me = await api('GET', 'me', { signingIn: true });
		context.me = { user: String(me.user), admin: me.admin === true, vnc: typeof me.vnc === 'string' ? me.vnc : null };
		await render();
	} catch (error) {
		if (/** @type {any} */ (error).status === 401)
			showSignIn('', false);
		else
			showFault(error);
	}
}

/** Nothing can be shown: the server is away. Goes on by itself when it is back. @param {unknown} error */
function showFault(error) {
	clear();
	context.setState('ended');
	const again = retryOf(error, () => {
		clearTimeout(timer);
		removeEventListener('online', again);
		start();
	});
	const timer = setTimeout(again, 5000);
	addEventListener('online', again, { once: true });
	root.append(el('main', { class: 'stage' }, el('div', { class: 'panel' },
		el('h1', {}, 'Carrel'),
		el('p', { role: 'alert' }, faultText(error)),
		el('button', { type: 'button', class: 'button primary', on: { click: again } }, t('portal.retry')))));
}

document.documentElement.lang = language;
const skip = /** @type {HTMLElement} */ (document.getElementById('skip'));
skip.textContent = t('app.skip');
skip.addEventListener('click', (event) => {
	event.preventDefault();
	/** @type {HTMLElement | null} */ (root.querySelector('h1'))?.focus();
});
addEventListener('hashchange', () => {
	if (context.me.user !== '')
		render();
});
tabs?.addEventListener('message', (event) => {
	if (event.data === 'signed-out' && context.me.user !== '') {
		context.me.user = '';
		showSignIn(t('signin.out'), false);
	} else if (event.data === 'signed-in' && context.me.user === '') {
		start();
	}
});
start();
