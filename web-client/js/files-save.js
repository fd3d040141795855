// SPDX-License-Identifier: GPL-2.0-or-later
// Where a file goes that the desktop sends: straight to the disk where the browser lets us, else into memory and then to its downloads.

// More is not kept in memory.
export const MEMORY_MAX = 512 * 1024 * 1024;
const REVOKE_MS = 60_000;

/**
 * @typedef {object} Sink
 * @property {(bytes: Uint8Array) => Promise<void>} write
 * @property {() => Promise<void>} close it is whole
 * @property {() => void} abort nothing stays
 */

/**
 * By a click, so that the browser may ask.
 * @param {string} name
 * @param {number} size
 * @returns {Promise<Sink | 'cancelled' | 'too-large'>}
 */
export async function saver(name, size) {
	const pick = /** @type {any} */ (globalThis).showSaveFilePicker;
	if (!pick)
		return size > MEMORY_MAX ? 'too-large' : inMemory(name);
	try {
		const handle = await pick({ suggestedName: name });
		const stream = await handle.createWritable();
		return {
			write: (bytes) => stream.write(bytes),
			close: () => stream.close(),
			abort: () => stream.abort().catch(() => {}),
		};
	} catch (error) {
		if (/** @type {any} */ (error)?.name === 'AbortError')
			return 'cancelled';
		// The browser has it and does not let us: an enterprise's policy, or a frame.
		return size > MEMORY_MAX ? 'too-large' : inMemory(name);
	}
}

/**
 * @param {string} name
 * @returns {Sink}
 */
function inMemory(name) {
	/** @type {Uint8Array<ArrayBuffer>[]} */
	let parts = [];
	return {
		async write(bytes) {
			parts.push(new Uint8Array(bytes));
		},
		async close() {
			const url = URL.createObjectURL(new Blob(/** @type {BlobPart[]} */ (parts)));
			const link = document.createElement('a');
			link.href = url;
			link.download = name;
			link.click();
			parts = [];
			setTimeout(() => URL.revokeObjectURL(url), REVOKE_MS);
		},
		abort() {
			parts = [];
		},
	};
}
