// SPDX-License-Identifier: GPL-2.0-or-later
// How long a person may stay: a note when that comes to an end, with a way to stay where there is one.

import { api, ApiError } from './api.js';
import { el } from './dom.js';
import { faultText } from './faults.js';
import { t } from './words.js';

/** When a note appears, in seconds before the end. */
const MARKS_S = [900, 300, 60];
const IDLE_S = 60;
const TICK_MS = 1000;
// The server looks every few seconds: what was about to happen then is the reason of what happened.
const REASON_S = 30;

/**
 * @typedef {object} Limit
 * @property {number | null} left seconds
 * @property {number} [extend] seconds that can be added; 0: none
 * @property {'session' | 'schedule' | null} [why]
 */

/**
 * The last mark that was passed; null: none yet.
 * @param {number} left seconds
 */
export function markOf(left) {
	return MARKS_S.findLast((mark) => left <= mark) ?? null;
}

/**
 * Minutes are rounded up, so that "1 minute" is said at the mark of one minute and not before two.
 * @param {number} left seconds
 */
export function timeText(left) {
	const seconds = Math.max(0, Math.ceil(left));
	if (seconds < 60)
		return t('time.seconds', { seconds });
	return seconds === 60 ? t('time.minute') : t('time.minutes', { minutes: Math.ceil(seconds / 60) });
}

/**
 * What is to be told: the end that comes first. Somebody who only reads is not told of the idle limit before its last minute.
 * @param {number | null} left of the limit, seconds
 * @param {string | null | undefined} why
 * @param {number | null} idle seconds
 * @returns {{text: string, left: number, mark: number} | null}
 */
export function notice(left, why, idle) {
	if (idle !== null && idle <= IDLE_S && (left === null || idle < left))
		return { text: 'time.idle', left: idle, mark: IDLE_S };
	const mark = left === null ? null : markOf(left);
	return left === null || mark === null ? null : { text: why === 'schedule' ? 'time.schedule' : 'time.session', left, mark };
}

/**
 * @param {object} options
 * @param {HTMLElement} options.box of the notes
 * @param {string} options.desktop its id
 * @param {AbortSignal} options.gone
 * @param {() => void} options.onDone give the keyboard back to the screen
 */
export function createTimeLeft({ box, desktop, gone, onDone }) {
	/** @type {Limit | null} */
	let limit = null;
	/** @type {number | null} */
	let idle = null;
	let seenAt = 0;
	let timer = 0;
	// "what mark" of the note that was said, and of the one that was dismissed.
	let told = '';
	let dismissed = '';
	// Why there was no more time, until the server was asked again.
	let fault = '';

	const spoken = el('p', { class: 'hidden', role: 'status' });
	const text = el('span', {});
	const keep = el('button', { type: 'button', class: 'button primary small', on: { click: onKeep } }, t('time.keep'));
	const node = el('div', { class: 'toast time', hidden: true }, text, keep, el('button', { type: 'button', class: 'button quiet small', on: { click() {
		dismissed = told;
		spoken.textContent = '';
		show();
		onDone();
	} } }, t('note.dismiss')));
	box.append(spoken, node);

	const since = () => (performance.now() - seenAt) / 1000;
	/** @param {unknown} seconds */
	const now = (seconds) => (typeof seconds === 'number' ? Math.max(0, seconds - since()) : null);

	function show() {
		const found = notice(now(limit?.left), limit?.why, now(idle));
		const which = found ? `${found.text} ${found.mark}` : '';
		node.hidden = !found || which === dismissed;
		if (!found) {
			told = dismissed = '';
			return;
		}
		const more = found.text !== 'time.idle' && Number(limit?.extend) > 0;
		const sentence = t(found.text, { time: timeText(found.left) });
		keep.hidden = !more;
		const next = fault || (more || found.text === 'time.idle' ? '' : t('time.save'));
		text.textContent = next ? `${sentence} ${next}` : sentence;
		// Once a mark: a clock that is read aloud each second helps nobody.
		if (told !== which) {
			told = which;
			spoken.textContent = text.textContent;
		}
	}

	async function onKeep() {
		if (keep.getAttribute('aria-disabled') === 'true')
			return;
		keep.setAttribute('aria-disabled', 'true');
		try {
			take({ limit: await api('POST', `desktops/${encodeURIComponent(desktop)}/extend`, { body: {}, signal: gone }), 'idle-left': idle });
			spoken.textContent = t('time.kept', { time: timeText(limit?.left ?? 0) });
			onDone();
		} catch (error) {
			if (gone.aborted)
				return;
			const isRefused = error instanceof ApiError && error.status === 409;
			if (isRefused && limit)
				limit.extend = 0;
			fault = spoken.textContent = isRefused ? t('time.no') : faultText(error);
			show();
		} finally {
			keep.removeAttribute('aria-disabled');
		}
	}

	/** @param {{limit?: Limit | null, 'idle-left'?: number | null}} answer of GET desktops/ID */
	function take(answer) {
		limit = answer.limit ?? null;
		idle = answer['idle-left'] ?? null;
		seenAt = performance.now();
		fault = '';
		show();
		clearInterval(timer);
		if (!gone.aborted && (typeof limit?.left === 'number' || idle !== null))
			timer = setInterval(show, TICK_MS);
	}

	gone.addEventListener('abort', () => clearInterval(timer));
	return {
		take,
		/** Somebody has to do something now, and it should be seen when they have. */
		isUrgent: () => (now(idle) ?? Infinity) <= IDLE_S,
		/** @returns {string | null} a word key: why the server ended it, where that is more than "time is up" */
		reason() {
			if ((now(idle) ?? Infinity) < Math.min(REASON_S, now(limit?.left) ?? Infinity))
				return 'closed.idleText';
			return limit?.why === 'schedule' ? 'closed.scheduleText' : null;
		},
	};
}
