// SPDX-License-Identifier: GPL-2.0-or-later
// One desktop on the whole page: waits until it can be seen, shows the steps, opens the viewer, and says why it ended.

import { api, ApiError, LostError } from './api.js';
import { el } from './dom.js';
import { faultText } from './faults.js';
import { loadViewer, retryOf } from './lazy.js';
import { poolOf, routeHash } from './routes.js';
import { t, stepText } from './words.js';

const POLL_MS = 500;
// Who does not ask for three minutes loses the place. A timer that follows an answer is held back by a second at most in a tab that nobody
// looks at; one that follows a timer may be held back for a minute.
const QUEUE_POLL_MS = 5000;
// After this the page says that it takes long; it goes on all the same.
const SLOW_S = 90;

/**
 * @typedef {object} DesktopState the answer of GET desktops/ID
 * @property {string} id
 * @property {string} pool
 * @property {string} title
 * @property {string} state
 * @property {string | null} step
 * @property {boolean} usable there is a screen to see
 * @property {boolean} agent
 * @property {string | null} note
 * @property {number} elapsed seconds
 * @property {{clipboard?: string, 'clipboard-max'?: number, recorded?: boolean, sound?: boolean, microphone?: boolean, files?: string, 'file-max'?: number}} [policy] bytes
 * @property {string} [kind] floating, persistent or lab
 * @property {{place: number, waiting: number} | null} [queue] all desktops are taken
 * @property {import('./snapshots.js').Snapshot[]} [snapshots]
 * @property {number} [snapshots-max] 0: none allowed
 * @property {import('./time-left.js').Limit | null} [limit]
 * @property {number | null} [idle-left] seconds
 * @property {number} [monitors] how many it may have
 * @property {import('./watched.js').Watch | null} [watch]
 */

/**
 * It has a screen already, but a black one. The broker says "Ready" in the end even where no agent ever speaks.
 * @param {DesktopState} now
 */
export function isBooting(now) {
	return !now.agent && /boot|agent/i.test(now.step ?? '');
}

/**
 * @param {import('./main.js').Context} context
 * @param {{page: 'open', pool: string} | {page: 'desktop', id: string}} route
 * @returns {import('./main.js').View}
 */
export function renderDesktop(context, route) {
	const gone = new AbortController();
	const poolName = route.page === 'open' ? route.pool : poolOf(route.id);
	/** @type {{dispose: () => void} | null} */
	let viewer = null;
	let title = titleOf(poolName);
	let address = location.hash;
	const stage = el('main', { class: 'stage' });
	context.root.append(stage);

	/** @param {string | null} name */
	function titleOf(name) {
		return context.pools.find((pool) => pool.name === name)?.title || name || 'Carrel';
	}

	/**
	 * The address becomes that of the desktop that was given.
	 * @param {string} id
	 * @returns {boolean} false: the person left meanwhile, which this page is about to be told
	 */
	function moveTo(id) {
		if (location.hash !== address)
			return false;
		route = { page: 'desktop', id };
		address = routeHash(route);
		history.replaceState(null, '', address);
		return true;
	}

	async function openPool() {
		showProgress(false);
		try {
			const { desktop } = await api('POST', `pools/${encodeURIComponent(poolName ?? '')}/open`, { body: {}, signal: gone.signal });
			if (moveTo(desktop))
				run(desktop);
		} catch (error) {
			if (!gone.signal.aborted)
				showEnd(t('desktop.couldNot'), faultText(error, title), { [t('portal.retry')]: openPool });
		}
	}

	/** @param {string} id */
	async function run(id) {
		viewer?.dispose();
		viewer = null;
		const progress = showProgress(true);
		try {
			const [module, first] = await Promise.all([loadViewer(), waitUsable(id, progress)]);
			if (!first || gone.signal.aborted)
				return;
			// Who waited may have been given a desktop that was ready first.
			if (first.id !== id && !moveTo(first.id))
				return;
			id = first.id;
			progress.step(t('step.connecting'), 0);
			viewer = module.createViewer({
				stage, id, title, policy: first.policy, first,
				setState: (state) => context.setState(state, title),
				onConnect: () => progress.remove(),
				onNotUsable: () => run(id),
				onGone: showGone,
				onEnd: (verdict) => showEnd(t(verdict.title), t(verdict.text), verdict.next === 'reconnect'
					? { [t('desktop.again')]: () => run(id) }
					: verdict.next === 'open' ? openButton() : {}),
				onLeave: () => context.go({ page: 'portal' }),
			});
		} catch (error) {
			if (gone.signal.aborted)
				return;
			if (error instanceof ApiError && error.status === 404)
				showGone();
			else
				showEnd(t('desktop.couldNot'), faultText(error, title), { [t('portal.retry')]: retryOf(error, () => run(id)) });
		}
	}

	/**
	 * @param {string} id
	 * @param {ReturnType<typeof showProgress>} progress
	 * @returns {Promise<DesktopState | null>} null: it will not come, and that was shown
	 */
	async function waitUsable(id, progress) {
		let impatient = false;
		let queued = false;
		for (;;) {
			try {
				/** @type {DesktopState} */
				const now = await api('GET', `desktops/${encodeURIComponent(id)}`, { signal: gone.signal });
				if (now.title)
					title = now.title;
				if (now.usable && (impatient || !isBooting(now)))
					return now;
				queued = Boolean(now.queue);
				if (now.state === 'off') {
					showEnd(t('desktop.off'), t('desktop.offText'), poolName ? { [t('desktop.start')]: openPool } : {});
					return null;
				}
				if (now.state === 'failed') {
					showEnd(t('desktop.failed'), t('desktop.failedText'), openButton(), now.note);
					return null;
				}
				if (now.state === 'retired') {
					showGone();
					return null;
				}
				if (now.queue)
					progress.queue(t('queue.place', now.queue), () => leaveQueue(id));
				else
					progress.step(stepText(now.step), now.elapsed ?? 0);
				if (now.usable)
					progress.offerScreen(() => {
						impatient = true;
					});
			} catch (error) {
				if (queued && error instanceof ApiError && error.status === 404) {
					showEnd(t('queue.lost'), t('queue.lostText'), poolName ? { [t('queue.again')]: openPool } : {});
					return null;
				}
				// The server, or what stands behind it, may be back in a moment: waiting is what this page is for.
				if (!(error instanceof LostError || (error instanceof ApiError && error.status >= 500)))
					throw error;
				progress.step(faultText(error), 0);
			}
			await new Promise((resolve) => setTimeout(resolve, queued ? QUEUE_POLL_MS : POLL_MS));
			gone.signal.throwIfAborted();
		}
	}

	/** @param {string} id */
	async function leaveQueue(id) {
		try {
			await api('POST', `desktops/${encodeURIComponent(id)}/reset`, { body: {}, signal: gone.signal });
			context.go({ page: 'portal' });
		} catch (error) {
			if (!gone.signal.aborted)
				showEnd(t('desktop.couldNot'), faultText(error, title), { [t('portal.retry')]: () => run(id) });
		}
	}

	/** @param {boolean} known that there is a desktop, so that the wait can be left to itself */
	function showProgress(known) {
		context.setState('starting', title);
		const heading = el('h1', { tabIndex: -1 }, t('step.titleOpen', { pool: title }));
		const spoken = el('p', { class: 'hidden', role: 'status' });
		const step = el('p', { class: 'step', 'aria-hidden': 'true' }, `${t('step.preparing')}…`);
		const hint = el('p', { class: 'hint' }, t('step.goesOn'));
		const show = el('button', { type: 'button', class: 'button', hidden: true }, t('step.show'));
		const leave = el('button', { type: 'button', class: 'button', hidden: true }, t('queue.leave'));
		const panel = el('div', { class: 'panel progress' },
			el('div', { class: 'shelf', 'aria-hidden': 'true' }, el('i'), el('i'), el('i'), el('i'), el('i')),
			heading, step, spoken, hint, show, leave,
			el('button', { type: 'button', class: 'button quiet', on: { click: () => context.go({ page: 'portal' }) } }, t('desktop.back')));
		stage.replaceChildren(panel);
		heading.focus();
		let said = '';
		return {
			/**
			 * @param {string} text
			 * @param {number} seconds
			 */
			step(text, seconds) {
				heading.textContent = t('step.titleOpen', { pool: title });
				if (!leave.hidden) {
					leave.hidden = true;
					hint.textContent = t('step.goesOn');
					heading.focus();
				}
				step.textContent = seconds >= 1 ? t('step.time', { step: text, seconds: Math.floor(seconds) }) : `${text}…`;
				if (text !== said) {
					said = text;
					spoken.textContent = text;
				}
				if (known && seconds > SLOW_S)
					hint.textContent = t('step.slow');
			},
			/** @param {() => void} onShow */
			offerScreen(onShow) {
				show.hidden = false;
				show.onclick = () => {
					show.disabled = true;
					onShow();
				};
			},
			/**
			 * @param {string} text
			 * @param {() => void} onLeave
			 */
			queue(text, onLeave) {
				heading.textContent = t('queue.title', { pool: title });
				step.textContent = text;
				hint.textContent = t('queue.goesOn');
				leave.hidden = false;
				leave.onclick = onLeave;
				if (text !== said) {
					said = text;
					spoken.textContent = `${text} ${hint.textContent}`;
				}
			},
			remove: () => panel.remove(),
		};
	}

	/** @returns {Record<string, () => void>} */
	function openButton() {
		if (!poolName)
			return {};
		return { [t('desktop.openNew')]: openPool };
	}

	function showGone() {
		showEnd(t('desktop.gone'), t('desktop.goneText'), openButton());
	}

	/**
	 * @param {string} heading
	 * @param {string} text
	 * @param {Record<string, () => void>} actions the first is the main one; the way back is always there
	 * @param {string | null} [note]
	 */
	function showEnd(heading, text, actions, note) {
		viewer?.dispose();
		viewer = null;
		context.setState('ended', heading);
		const h1 = el('h1', { tabIndex: -1 }, heading);
		const back = el('button', { type: 'button', class: Object.keys(actions).length > 0 ? 'button' : 'button primary',
			on: { click: () => context.go({ page: 'portal' }) } }, t('desktop.back'));
		stage.replaceChildren(el('div', { class: 'panel ended' }, h1, el('p', {}, text), note && el('p', { class: 'note' }, note),
			el('div', { class: 'row' },
				Object.entries(actions).map(([label, action]) => el('button', { type: 'button', class: 'button primary', on: { click: action } }, label)),
				back)));
		h1.focus();
	}

	if (route.page === 'open')
		openPool();
	else
		run(route.id);
	return {
		dispose() {
			gone.abort();
			viewer?.dispose();
		},
	};
}
