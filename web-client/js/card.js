// SPDX-License-Identifier: GPL-2.0-or-later
// One pool: its state in words, its big button, and behind a disclosure the other ways in and the reset.

import { api, ApiError, request } from './api.js';
import { confirm, el, icon } from './dom.js';
import { faultText } from './faults.js';
import { loadPass, loadPower, loadSnapshots, warm } from './lazy.js';
import { t, stepText } from './words.js';

const POLL_MS = 500;
// Who does not ask for a minute loses the place.
const QUEUE_POLL_MS = 5000;
// A cold boot under emulation takes half a minute; this is given up after five.
const OPEN_DEADLINE_MS = 300_000;

/**
 * @param {import('./main.js').Context} context
 * @param {import('./main.js').Pool} first
 * @param {AbortSignal} gone the portal was left
 * @param {() => void} refresh
 */
export function createCard(context, first, gone, refresh) {
	let pool = first;
	let busy = false;
	const id = `pool-${first.name}`;

	const state = el('span', { class: 'state-text' });
	const said = el('p', { class: 'said', role: 'status' });
	const open = el('button', { type: 'button', class: 'button primary big', 'aria-describedby': `${id}-state`,
		on: { click: onOpen, pointerenter: warm, focus: warm, pointerdown: warm } });
	const vv = el('button', { type: 'button', class: 'button', on: { click: onFile } }, icon('down'), t('portal.vv'));
	const reset = el('button', { type: 'button', class: 'button danger-quiet', on: { click: onReset } }, icon('reset'), t('portal.reset'));
	const resetHint = el('p', { class: 'hint' }, t('portal.resetHint'));
	const resetRow = el('div', { class: 'way' }, reset, resetHint);
	const vncWay = el('div', { class: 'way', hidden: !context.me.vnc });
	const powerWay = el('div', { class: 'way', hidden: true });
	const snapshotsWay = el('div', { class: 'way', hidden: true });
	/** The desktop that snapshotsWay is about. */
	let snapshotsOf = '';
	const more = el('span', {});
	const details = el('details', { class: 'more', on: { toggle: () => onMore().catch(() => {}) } },
		el('summary', {}, more, icon('chevron')),
		el('div', { class: 'way' }, vv, el('p', { class: 'hint' }, t('portal.vvHint'))),
		vncWay,
		snapshotsWay,
		powerWay,
		resetRow);
	const node = el('li', { class: 'card' },
		el('div', { class: 'card-face' },
			el('div', { class: 'card-head' },
				el('h2', { id }, first.title || first.name),
				el('p', { class: 'state', id: `${id}-state` }, el('span', { class: 'dot', 'aria-hidden': 'true' }), state)),
			open),
		said,
		details);

	// Asked for by few: fetched when the disclosure is opened.
	async function onMore() {
		if (context.me.vnc && !vncWay.hasChildNodes())
			(await loadPass()).fillVncWay(vncWay, context.me, first.name, said, (use) => act(async () => {
				use(await api('POST', `${await readyDesktop()}/vnc`, { body: {}, signal: gone }));
				refresh();
			}));
		if (isOwn() && !powerWay.hasChildNodes())
			(await loadPower()).fillPowerWay(powerWay, pool.title || pool.name, onPower);
		await showSnapshots();
	}

	const isOwn = () => pool.desktop?.kind === 'persistent';

	async function showSnapshots() {
		const desktop = pool.desktop?.kind === 'lab' ? pool.desktop.id : '';
		if (snapshotsOf === desktop)
			return;
		snapshotsOf = desktop;
		snapshotsWay.hidden = true;
		if (desktop === '')
			return;
		const snapshots = (await loadSnapshots()).createSnapshots({ desktop, gone, onBack: refresh });
		await snapshots.refresh();
		snapshotsWay.replaceChildren(snapshots.node);
		snapshotsWay.hidden = !snapshots.isOffered();
	}

	/** @returns {[string, string]} what the dot shows, and the sentence */
	function describe() {
		const desktop = pool.desktop;
		if (desktop) {
			switch (desktop.state) {
			case 'assigned':
				if (desktop.usable === false)
					break;
				return ['on', t('portal.yours')];
			case 'off':
				return ['free', t('portal.off')];
			case 'resetting':
				return ['busy', t('portal.resetting')];
			case 'failed':
				return ['bad', t('portal.failed')];
			}
			return ['busy', desktop.step ? `${stepText(desktop.step)}…` : t('portal.starting')];
		}
		if (pool.state === 'broken')
			return ['bad', t('portal.broken')];
		if (pool.state === 'draining')
			return ['bad', t('portal.draining')];
		return ['free', t('portal.free')];
	}

	function show() {
		const [dot, text] = describe();
		node.dataset.dot = dot;
		if (state.textContent !== text)
			state.textContent = text;
		const label = busy ? t('portal.opening') : pool.desktop?.state === 'assigned' ? t('portal.resume') : t('portal.open');
		if (open.dataset.label !== label) {
			open.dataset.label = label;
			open.replaceChildren(label, el('span', { class: 'hidden' }, ` ${pool.title || pool.name}`), icon('arrow'));
		}
		open.setAttribute('aria-disabled', String(busy));
		open.disabled = vv.disabled = !pool.desktop && (pool.state === 'broken' || pool.state === 'draining');
		const queued = Boolean(pool.desktop?.queue);
		resetRow.hidden = !pool.desktop || isOwn();
		resetHint.hidden = queued;
		const verb = t(queued ? 'queue.leave' : 'portal.reset');
		if (reset.lastChild.textContent !== verb)
			reset.lastChild.textContent = verb;
		powerWay.hidden = !isOwn() || pool.desktop?.state === 'off';
		more.textContent = t(isOwn() ? 'portal.moreOwn' : pool.desktop?.kind === 'lab' ? 'portal.moreLab' : 'portal.more');
	}

	/**
	 * One action at a time; what goes wrong is said on the card.
	 * @param {() => Promise<void>} action
	 */
	async function act(action) {
		if (busy)
			return;
		busy = true;
		said.classList.remove('fault');
		said.textContent = '';
		show();
		try {
			await action();
		} catch (error) {
			if (!gone.aborted) {
				said.classList.add('fault');
				said.textContent = faultText(error, pool.title || pool.name);
			}
		} finally {
			busy = false;
			show();
		}
	}

	const claim = () => api('POST', `pools/${encodeURIComponent(pool.name)}/open`, { body: {}, signal: gone });

	function onOpen() {
		act(async () => {
			warm();
			const { desktop } = await claim();
			context.go({ page: 'desktop', id: desktop });
		});
	}

	function onFile() {
		act(async () => {
			said.textContent = t('portal.vvBusy');
			const file = await (await request('GET', `${await readyDesktop()}/console.vv`, { signal: gone })).blob();
			save(file, `${pool.name}.vv`);
			said.textContent = t('portal.vvDone');
			refresh();
		});
	}

	/** Its path, when it can be seen. */
	async function readyDesktop() {
		const path = `desktops/${encodeURIComponent((await claim()).desktop)}`;
		let deadline = Date.now() + OPEN_DEADLINE_MS;
		while (Date.now() < deadline) {
			const now = await api('GET', path, { signal: gone });
			if (now.usable)
				return path;
			if (now.state === 'failed' || now.state === 'retired')
				throw new ApiError(0, 'failed', now.note || t('portal.failed'));
			const text = now.queue ? t('queue.place', now.queue) : t('step.time', { step: stepText(now.step), seconds: Math.floor(now.elapsed ?? 0) });
			const step = now.queue ? text : now.step;
			// Each second would be too much for a screen reader; a new step is not.
			if (said.dataset.step !== step) {
				said.dataset.step = step;
				said.textContent = text;
			}
			// Others' turns take as long as they take.
			if (now.queue)
				deadline = Date.now() + OPEN_DEADLINE_MS;
			await new Promise((resolve) => setTimeout(resolve, now.queue ? QUEUE_POLL_MS : POLL_MS));
		}
		throw new ApiError(0, 'timeout', '');
	}

	/**
	 * @param {string} path
	 * @param {string} done
	 */
	function onPower(path, done) {
		const desktop = pool.desktop;
		if (desktop)
			act(async () => {
				await api('POST', `desktops/${encodeURIComponent(desktop.id)}/${path}`, { body: {}, signal: gone });
				said.textContent = done;
				refresh();
			});
	}

	async function onReset() {
		const queued = Boolean(pool.desktop?.queue);
		const sure = queued || await confirm({
			title: t('portal.resetTitle', { pool: pool.title || pool.name }),
			text: [t('portal.resetText')],
			yes: t('portal.resetYes'),
			no: t('portal.keep'),
			danger: true,
		});
		const desktop = pool.desktop;
		if (!sure || !desktop)
			return;
		act(async () => {
			await api('POST', `desktops/${encodeURIComponent(desktop.id)}/reset`, { body: {}, signal: gone });
			said.textContent = t(queued ? 'queue.left' : 'portal.resetDone');
			refresh();
		});
	}

	return {
		node,
		/** @param {import('./main.js').Pool} next */
		update(next) {
			pool = next;
			show();
			if (details.open)
				onMore().catch(() => {});
		},
	};
}

/**
 * Hands a file to the person. A link to its address would show an error as if it were the file.
 * @param {Blob} file
 * @param {string} name
 */
function save(file, name) {
	const url = URL.createObjectURL(new Blob([file], { type: 'application/x-virt-viewer' }));
	const link = el('a', { href: url, download: name });
	document.body.append(link);
	link.click();
	link.remove();
	setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
