// SPDX-License-Identifier: GPL-2.0-or-later
// The browser's clipboard and the guest's, kept alike as far as browser and policy allow. What they do not allow goes through the
// panel's text field.

import { sizeText } from './size.js';

// As UTF-8. The server has a limit of its own; this one keeps a huge copy from stalling the page.
const MAX_BYTES = 1024 * 1024;

/** @typedef {'both' | 'to-desktop' | 'from-desktop' | 'off'} Policy */

/** @param {string | undefined} policy */
export function directions(policy) {
	return {
		toDesktop: policy === undefined || policy === 'both' || policy === 'to-desktop',
		fromDesktop: policy === undefined || policy === 'both' || policy === 'from-desktop',
	};
}

/**
 * @param {object} options
 * @param {string | undefined} options.policy
 * @param {number} [options.max] bytes that the pool allows
 * @param {(text: string) => void} options.send to the guest
 * @param {(text: string) => void} options.show in the panel: what the guest's clipboard holds
 * @param {(state: 'automatic' | 'ask' | 'by-hand' | 'too-long') => void} options.onState
 */
export function createClipboard({ policy, max = MAX_BYTES, send, show, onState }) {
	const { toDesktop, fromDesktop } = directions(policy);
	const limit = Math.min(max, MAX_BYTES);
	/** What both sides are known to hold. */
	let shared = '';
	/** Text of the guest's that the browser did not let us write yet. @type {string | null} */
	let owed = null;

	/** @returns {Promise<'granted' | 'prompt' | 'denied' | 'unknown'>} */
	async function permission() {
		try {
			const status = await navigator.permissions.query({ name: /** @type {any} */ ('clipboard-read') });
			status.onchange = () => report();
			return status.state;
		} catch {
			// Firefox and Safari have no such permission: they ask with a button of their own at each read.
			return 'unknown';
		}
	}

	async function report() {
		if (!toDesktop)
			return onState(fromDesktop ? 'automatic' : 'by-hand');
		const state = await permission();
		onState(state === 'granted' ? 'automatic' : state === 'prompt' ? 'ask' : 'by-hand');
	}

	/** @param {string} text */
	function give(text) {
		if (!toDesktop || text === '' || text === shared)
			return;
		if (new TextEncoder().encode(text).length > limit)
			return onState('too-long');
		shared = text;
		send(text);
	}

	async function read() {
		try {
			give(await navigator.clipboard.readText());
		} catch {
			// Not allowed, not focused, or no text in it.
		}
	}

	/** @param {string} text */
	async function write(text) {
		owed = null;
		try {
			await navigator.clipboard.writeText(text);
		} catch {
			// No focus or no gesture yet: onGesture tries again.
			owed = text;
		}
	}

	// Later, when the caller has the object that its handlers use.
	queueMicrotask(report);
	return {
		report,
		toDesktop,
		fromDesktop,
		/** What is too long, in words. */
		limit: sizeText(limit),
		give,

		/** The guest copied something. @param {string} text */
		take(text) {
			if (!fromDesktop)
				return;
			shared = text;
			show(text);
			write(text);
		},

		/** The person came (back) to the page. */
		async onFocus() {
			if (owed !== null)
				await write(owed);
			else if (toDesktop && document.hasFocus() && (await permission()) === 'granted')
				await read();
		},

		/** A click or a key: the moment when a browser allows a write. */
		onGesture() {
			if (owed !== null)
				write(owed);
		},

		/** By a button: the browser may ask the person now. */
		async ask() {
			await read();
			await report();
		},

		/** A new connection knows nothing of what the old one was told. */
		forget() {
			shared = '';
		},
	};
}
