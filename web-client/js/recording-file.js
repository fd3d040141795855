// SPDX-License-Identifier: GPL-2.0-or-later
// The file of a recording, as display/recording.h tells it: its records, and the chain of hashes that proves them. No page, no network.

const MAGIC = 'CarrelR1';
export const MAGIC_SIZE = 8;
export const HEAD_SIZE = 16;
export const HASH_SIZE = 32;
const PAYLOAD_MAX = 1024 * 1024;

/**
 * @typedef {object} Rec
 * @property {string} type a letter
 * @property {number} ms since the recording began
 * @property {Uint8Array} bytes
 */

/** What was read was changed since it was written. */
export class ChangedError extends Error {}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function sha256(bytes) {
	return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

/**
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 */
function same(a, b) {
	return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Takes the file's bytes as they come, from a record's start on, and gives its records, each proved. */
export class RecordReader {
	#left = new Uint8Array(0);
	#at = 0;
	#hash;

	/** @param {Uint8Array} hash of the record before; 32 zeros for the first */
	constructor(hash) {
		this.#hash = hash;
	}

	/** @param {Uint8Array} bytes that follow those before */
	push(bytes) {
		const left = this.#left.subarray(this.#at);
		const both = new Uint8Array(left.length + bytes.length);
		both.set(left);
		both.set(bytes, left.length);
		this.#left = both;
		this.#at = 0;
	}

	/** @returns {Promise<Rec | null>} null: more bytes are needed. Throws ChangedError. */
	async next() {
		const bytes = this.#left.subarray(this.#at);
		if (bytes.length < HEAD_SIZE)
			return null;
		const head = bytes.slice(0, HEAD_SIZE);
		const view = new DataView(head.buffer);
		const size = view.getUint32(4);
		const bare = head.slice();
		bare.fill(0, 1, 4);
		if (size > PAYLOAD_MAX || !same((await sha256(bare)).slice(0, 3), head.subarray(1, 4)))
			throw new ChangedError('the head of a record');
		const end = HEAD_SIZE + size;
		if (bytes.length < end + HASH_SIZE)
			return null;
		const chained = new Uint8Array(HASH_SIZE + end);
		chained.set(this.#hash);
		chained.set(bytes.subarray(0, end), HASH_SIZE);
		const hash = await sha256(chained);
		if (!same(hash, bytes.subarray(end, end + HASH_SIZE)))
			throw new ChangedError('a record');
		this.#hash = hash;
		this.#at += end + HASH_SIZE;
		return { type: String.fromCharCode(head[0]), ms: Number(view.getBigUint64(8)), bytes: bytes.slice(HEAD_SIZE, end) };
	}
}

/**
 * A value of "key=value" lines.
 * @param {Uint8Array} bytes
 * @param {string} key
 */
export function lineOf(bytes, key) {
	for (const line of new TextDecoder().decode(bytes).split('\n')) {
		if (line.startsWith(`${key}=`))
			return line.slice(key.length + 1);
	}
	return '';
}

/** @param {Uint8Array} bytes the file's first */
export function isRecording(bytes) {
	return new TextDecoder().decode(bytes.subarray(0, MAGIC_SIZE)) === MAGIC;
}

/**
 * The last of @chunks, [time, offset] in the order of time, that begins at @ms or before; the first where none does. -1: there are none.
 * @param {[number, number][]} chunks
 * @param {number} ms
 */
export function chunkAt(chunks, ms) {
	let low = 0;
	let high = chunks.length - 1;
	while (low < high) {
		const middle = Math.ceil((low + high) / 2);
		if (chunks[middle][0] <= ms)
			low = middle;
		else
			high = middle - 1;
	}
	return chunks.length === 0 ? -1 : low;
}

/** H:MM:SS @param {number} ms */
export function clock(ms) {
	const s = Math.floor(ms / 1000);
	const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
	return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}
