// SPDX-License-Identifier: GPL-2.0-or-later
// What page and server say to each other about files: display/files-wire.h tells. Pure.

export const Kind = Object.freeze({
	SEND: 1, BYTES: 2, CANCEL: 3, TAKE: 4, REFUSE: 5, STOP: 6, TOOK: 7,
	HELLO: 16, GO: 17, MORE: 18, SENT: 19, OFFER: 20, CAME: 21, OVER: 22,
});

/** display/files.h: FilesResult */
export const Result = Object.freeze({
	DONE: 0, CANCELLED: 1, FAILED: 2, DENIED: 3, TOO_LARGE: 4, NO_SPACE: 5, NO_AGENT: 6, TOO_MANY: 7, LOCKED: 8, STALLED: 9, BROKEN: 10, ELSEWHERE: 11, WITHDRAWN: 12,
});

const HEAD = 9;
export const BODY_MAX = 64 * 1024;

/**
 * @param {number} kind
 * @param {number} id
 * @param {Uint8Array} [body]
 */
export function frame(kind, id, body = new Uint8Array(0)) {
	const bytes = new Uint8Array(HEAD + body.length);
	const view = new DataView(bytes.buffer);
	view.setUint32(0, HEAD - 4 + body.length);
	view.setUint8(4, kind);
	view.setUint32(5, id);
	bytes.set(body, HEAD);
	return bytes;
}

/**
 * @param {number} id
 * @param {number} size
 * @param {string} name
 */
export function sendFrame(id, size, name) {
	let text = new TextEncoder().encode(name);
	// The server shortens a name that is too long for a file; this only keeps the frame within its bounds.
	if (text.length > 1024)
		text = text.slice(0, 1024);
	const body = new Uint8Array(8 + text.length);
	new DataView(body.buffer).setBigUint64(0, BigInt(size));
	body.set(text, 8);
	return frame(Kind.SEND, id, body);
}

/**
 * @param {number} id
 * @param {number} n
 */
export function tookFrame(id, n) {
	const body = new Uint8Array(4);
	new DataView(body.buffer).setUint32(0, n);
	return frame(Kind.TOOK, id, body);
}

/**
 * @typedef {object} Frame
 * @property {number} kind
 * @property {number} id
 * @property {Uint8Array} body its own bytes
 */

/** Takes a stream of bytes apart, however it was cut. */
export class Parser {
	/** @type {Uint8Array[]} */
	#parts = [];
	#size = 0;

	/**
	 * @param {Uint8Array} bytes
	 * @returns {Frame[]} those that are whole now
	 * @throws {Error} it is not the protocol
	 */
	feed(bytes) {
		this.#parts.push(bytes);
		this.#size += bytes.length;
		const frames = [];
		for (;;) {
			if (this.#size < HEAD)
				return frames;
			const view = new DataView(this.#front(HEAD).buffer);
			const size = view.getUint32(0) + 4;
			if (size < HEAD || size > HEAD + BODY_MAX)
				throw new Error(`a frame of ${size} bytes`);
			if (this.#size < size)
				return frames;
			const whole = this.#front(size);
			this.#drop(size);
			frames.push({ kind: view.getUint8(4), id: view.getUint32(5), body: whole.subarray(HEAD) });
		}
	}

	/** A copy of the first @n bytes. @param {number} n */
	#front(n) {
		const out = new Uint8Array(n);
		let at = 0;
		for (const part of this.#parts) {
			const piece = part.subarray(0, n - at);
			out.set(piece, at);
			at += piece.length;
			if (at === n)
				break;
		}
		return out;
	}

	/** @param {number} n */
	#drop(n) {
		this.#size -= n;
		while (n > 0) {
			const first = this.#parts[0];
			if (first.length > n) {
				this.#parts[0] = first.subarray(n);
				return;
			}
			n -= first.length;
			this.#parts.shift();
		}
	}
}

/** @param {Frame} hello */
export function readHello({ body }) {
	const view = new DataView(body.buffer, body.byteOffset, body.length);
	return { toDesktop: (view.getUint8(0) & 1) !== 0, fromDesktop: (view.getUint8(0) & 2) !== 0, max: Number(view.getBigUint64(1)), window: view.getUint32(9), atOnce: view.getUint32(13) };
}

/** @param {Frame} one */
export function readNumber({ body }) {
	return new DataView(body.buffer, body.byteOffset, body.length).getUint32(0);
}

/** @param {Frame} sent */
export function readSent({ body }) {
	return { result: body[0], space: Number(new DataView(body.buffer, body.byteOffset, body.length).getBigUint64(1)) };
}

/** @param {Frame} offer */
export function readOffer({ body }) {
	return { size: Number(new DataView(body.buffer, body.byteOffset, body.length).getBigUint64(0)), name: new TextDecoder().decode(body.subarray(8)) };
}
