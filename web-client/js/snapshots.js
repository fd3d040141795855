// SPDX-License-Identifier: GPL-2.0-or-later
// Snapshots of a desktop: save one, go back to one, delete one. The portal's card and the viewer's tool bar show the same.

import { api, ApiError } from './api.js';
import { confirm, el } from './dom.js';
import { faultText } from './faults.js';
import { language, t } from './words.js';

// The server answers when all of the desktop's memory and disk is saved.
const SAVE_DEADLINE_MS = 90_000;

/** @typedef {{name: string, created: number}} Snapshot created: seconds since 1970 */

/** @param {string} name */
export function isSnapshotName(name) {
	return /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(name);
}

/**
 * One that is not taken.
 * @param {Snapshot[]} taken
 */
export function nextName(taken) {
	for (let number = 1; ; number++) {
		const name = `save-${number}`;
		if (!taken.some((one) => one.name === name))
			return name;
	}
}

/**
 * @param {object} options
 * @param {string} options.desktop its id
 * @param {AbortSignal} options.gone
 * @param {() => void} [options.onBack] the desktop is about to become what it was
 */
export function createSnapshots({ desktop, gone, onBack }) {
	const path = `desktops/${encodeURIComponent(desktop)}`;
	const moment = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
	/** @type {Snapshot[]} */
	let snapshots = [];
	let max = 0;
	let busy = false;
	let shown = '';

	const progress = el('p', { class: 'hint', 'aria-hidden': 'true', hidden: true });
	const said = el('p', { class: 'said', role: 'status', tabIndex: -1 });
	const list = el('ul', { class: 'snapshots' });
	const id = `snapshot-${desktop}`;
	const field = el('input', { class: 'input', id, maxLength: 32, autocomplete: 'off', spellcheck: false, 'aria-describedby': `${id}-hint` });
	const hint = el('p', { class: 'hint', id: `${id}-hint` });
	const save = el('button', { class: 'button small' }, t('snap.save'));
	const form = el('form', { class: 'field', noValidate: true, on: { submit: onSave } },
		el('label', { for: id }, t('snap.name')), el('div', { class: 'row nowrap' }, field, save), hint);
	const node = el('div', { hidden: true }, el('h2', {}, t('snap.title')), el('p', { class: 'hint' }, t('snap.text')), list, form, progress, said);

	function show() {
		const full = snapshots.length >= max;
		node.hidden = max === 0;
		field.disabled = full;
		save.disabled = full;
		save.setAttribute('aria-disabled', String(busy));
		hint.textContent = full ? t('snap.full', { max }) : t('snap.nameHint');
		// Built anew only when it changed: a button that has the focus keeps it.
		const now = JSON.stringify(snapshots);
		if (shown === now)
			return;
		shown = now;
		list.replaceChildren(...(snapshots.length > 0 ? snapshots.map(entry) : [el('li', { class: 'hint' }, t('snap.none'))]));
		if (document.activeElement !== field)
			field.value = nextName(snapshots);
	}

	/** @param {Snapshot} snapshot */
	function entry({ name, created }) {
		const time = moment.format(new Date(created * 1000));
		/** @type {(label: string, onClick: () => void, look: string) => HTMLElement} */
		const button = (label, onClick, look) => el('button', { type: 'button', class: `button small ${look}`, on: { click: onClick } }, label,
			el('span', { class: 'hidden' }, ` (${name})`));
		return el('li', {},
			el('p', {}, el('span', { class: 'way-name' }, name), ' ', el('span', { class: 'hint' }, time)),
			el('div', { class: 'row' }, button(t('snap.back'), () => onGoBack(name, time), ''),
				button(t('snap.delete'), () => onDelete(name), 'quiet')));
	}

	/** @param {() => Promise<string>} action its result is said */
	async function act(action) {
		if (busy)
			return;
		busy = true;
		say('', false);
		show();
		try {
			say(await action(), false);
		} catch (error) {
			if (!gone.aborted)
				say(error instanceof ApiError && error.code === 'exhausted' ? t('snap.full', { max }) : faultText(error), true);
		}
		busy = false;
		show();
	}

	/**
	 * @param {string} text
	 * @param {boolean} isFault
	 */
	function say(text, isFault) {
		said.classList.toggle('fault', isFault);
		said.textContent = text;
	}

	async function refresh() {
		const now = await api('GET', path, { signal: gone });
		take(now);
	}

	/** @param {SubmitEvent} event */
	function onSave(event) {
		event.preventDefault();
		const name = field.value.trim();
		if (!isSnapshotName(name) || snapshots.some((one) => one.name === name)) {
			say(isSnapshotName(name) ? t('snap.taken') : t('snap.nameHint'), true);
			field.focus();
			return;
		}
		act(async () => {
			const stop = countUp(name);
			try {
				await api('POST', `${path}/snapshots`, { body: { name }, signal: gone, deadlineMs: SAVE_DEADLINE_MS });
			} finally {
				stop();
			}
			await refresh();
			field.value = nextName(snapshots);
			return t('snap.saved', { name });
		});
	}

	/**
	 * Seconds for the eye; a screen reader hears it once.
	 * @param {string} name
	 */
	function countUp(name) {
		const started = performance.now();
		const tick = () => {
			progress.textContent = t('snap.saving', { name, seconds: Math.floor((performance.now() - started) / 1000) });
		};
		say(t('snap.savingSpoken', { name }), false);
		said.classList.add('hidden');
		progress.hidden = false;
		tick();
		const timer = setInterval(tick, 1000);
		return () => {
			clearInterval(timer);
			progress.hidden = true;
			said.classList.remove('hidden');
		};
	}

	/**
	 * @param {string} name
	 * @param {string} time
	 */
	async function onGoBack(name, time) {
		const sure = await confirm({ title: t('snap.backTitle', { name }), text: [t('snap.backText', { time })], yes: t('snap.back'), no: t('snap.backNo'), danger: true });
		if (!sure)
			return;
		await act(async () => {
			await api('POST', `${path}/snapshots/${encodeURIComponent(name)}/revert`, { body: {}, signal: gone });
			onBack?.();
			return t('snap.backDone', { name });
		});
	}

	/** @param {string} name */
	async function onDelete(name) {
		const sure = await confirm({ title: t('snap.deleteTitle', { name }), text: [t('snap.deleteText')], yes: t('snap.delete'), no: t('snap.deleteNo'), danger: true });
		if (!sure)
			return;
		await act(async () => {
			await api('DELETE', `${path}/snapshots/${encodeURIComponent(name)}`, { signal: gone });
			await refresh();
			return t('snap.deleted', { name });
		});
		// The button that had the focus is gone.
		if (!node.contains(document.activeElement))
			said.focus();
	}

	/** @param {{snapshots?: Snapshot[], 'snapshots-max'?: number}} now the answer of GET desktops/ID */
	function take(now) {
		snapshots = Array.isArray(now.snapshots) ? now.snapshots : [];
		max = Number(now['snapshots-max']) || 0;
		show();
	}

	return { node, take, refresh, isOffered: () => max > 0 };
}
