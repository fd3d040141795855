// SPDX-License-Identifier: GPL-2.0-or-later
// The parts that are fetched when they are wanted.

import { LostError } from './api.js';
import { el } from './dom.js';
import { loadMoreWords } from './words.js';

/**
 * Some browsers remember a module that could not be fetched as broken until the page is loaded anew.
 */
export class StaleError extends LostError {}

/**
 * @template T
 * @param {Promise<T>} module
 * @returns {Promise<T>}
 */
async function part(module) {
	try {
		return (await Promise.all([module, loadMoreWords()]))[0];
	} catch (error) {
		throw new StaleError(String(error));
	}
}

export const loadDesktop = () => part(import('./desktop.js'));
export const loadPass = () => part(import('./vnc-pass.js'));
export const loadPower = () => part(import('./power.js'));
export const loadSessions = () => part(import('./sessions.js'));
export const loadSnapshots = () => part(import('./snapshots.js'));
export const loadRecording = () => part(Promise.all([import('./recording.js'), sheet('recording.css')]).then(([module]) => module));
export const loadViewer = () => part(Promise.all([import('./viewer.js'), sheet('viewer.css')]).then(([module]) => module));

/** @type {Map<string, Promise<void>>} */
const sheets = new Map();

/** @param {string} file */
function sheet(file) {
	const loaded = sheets.get(file) ?? new Promise((resolve, reject) => {
		const link = el('link', { rel: 'stylesheet', href: file, on: {
			load: () => resolve(undefined),
			error() {
				sheets.delete(file);
				link.remove();
				reject(new Error(file));
			},
		} });
		document.head.append(link);
	});
	sheets.set(file, loaded);
	return loaded;
}

/** Fetch both ahead of time, when a desktop is likely to be opened. Whether it works is seen when they are wanted. */
export function warm() {
	loadDesktop().catch(() => {});
	loadViewer().catch(() => {});
}

/**
 * What a "try again" has to do after this failure.
 * @param {unknown} error
 * @param {() => void} again
 */
export function retryOf(error, again) {
	return error instanceof StaleError ? () => location.reload() : again;
}
