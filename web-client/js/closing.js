// SPDX-License-Identifier: GPL-2.0-or-later
// What a WebSocket close code means, and when to try again. Decisions only: no timers, no page.

/**
 * @typedef {object} Verdict
 * @property {boolean} retry the way was lost, not the desktop: come back by ourselves
 * @property {string} title word keys, for a closing that stays closed
 * @property {string} text
 * @property {'reconnect' | 'open' | 'portal'} next what the main button does
 */

/** @type {Record<number, Omit<Verdict, 'retry'>>} */
const final = {
	4001: { title: 'closed.ticket', text: 'closed.ticketText', next: 'reconnect' },
	4003: { title: 'closed.taken', text: 'closed.takenText', next: 'reconnect' },
	4008: { title: 'closed.limit', text: 'closed.limitText', next: 'portal' },
	4009: { title: 'closed.stopped', text: 'closed.stoppedText', next: 'open' },
	4011: { title: 'closed.unrecorded', text: 'closed.unrecordedText', next: 'portal' },
	4010: { title: 'closed.admin', text: 'closed.adminText', next: 'portal' },
};

/**
 * @param {number} code
 * @returns {Verdict}
 */
export function verdict(code) {
	const found = Object.hasOwn(final, code) ? final[code] : null;
	if (found)
		return { retry: false, ...found };
	return { retry: true, title: 'closed.lost', text: 'closed.lostText', next: 'reconnect' };
}

/** The first is short, because a screen that was restarted is back at once; the last repeats. */
const DELAYS_MS = [100, 400, 800, 1500, 3000, 5000, 8000, 10_000];

/**
 * @param {number} attempt 0 is the first after a loss
 * @param {number} [random] 0 to 1: spreads many browsers that lost the same gateway
 * @returns {number} milliseconds to wait before it
 */
export function retryDelay(attempt, random = Math.random()) {
	const delay = DELAYS_MS[Math.min(attempt, DELAYS_MS.length - 1)];
	return Math.round(delay * (attempt === 0 ? 1 : 0.8 + 0.4 * random));
}
