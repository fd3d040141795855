// SPDX-License-Identifier: GPL-2.0-or-later
// The messages of a desktop's sound, as display/sound-message.h has them. A WebSocket's messages are pieces of one stream, cut anywhere.

const VERSION = 1;
const SIZE_MAX = 1280;

/** @typedef {{type: 'hello', mayTalk: boolean}
 *  | {type: 'state', playing: boolean, recorded: boolean, absent: boolean}
 *  | {type: 'packet', number: number, data: Uint8Array<ArrayBuffer>}} Message */

/** Takes pieces, gives messages. Throws when the stream makes no sense: then nothing more can be understood. */
export function createParser() {
	/** @type {Uint8Array<ArrayBuffer>} */
	let rest = new Uint8Array(0);

	/**
	 * @param {ArrayBuffer} piece
	 * @returns {Message[]}
	 */
	return function parse(piece) {
		const bytes = new Uint8Array(rest.length + piece.byteLength);
		bytes.set(rest);
		bytes.set(new Uint8Array(piece), rest.length);
		const view = new DataView(bytes.buffer);
		const found = [];
		let at = 0;
		while (bytes.length - at >= 2) {
			const size = view.getUint16(at);
			if (size < 1 || size > SIZE_MAX)
				throw new Error(`a message of ${size} bytes`);
			if (bytes.length - at < 2 + size)
				break;
			const message = take(bytes.slice(at + 2, at + 2 + size));
			if (message)
				found.push(message);
			at += 2 + size;
		}
		rest = bytes.slice(at);
		return found;
	};
}

/**
 * What later versions add is passed over.
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Message | null}
 */
function take(bytes) {
	const [type, first, second] = bytes;
	if (type === 1 && bytes.length >= 3) {
		if (first !== VERSION)
			throw new Error(`version ${first}`);
		return { type: 'hello', mayTalk: (second & 1) !== 0 };
	}
	if (type === 2 && bytes.length >= 2)
		return { type: 'state', playing: (first & 1) !== 0, recorded: (first & 2) !== 0, absent: (first & 4) !== 0 };
	if (type === 3 && bytes.length > 5)
		return { type: 'packet', number: new DataView(bytes.buffer).getUint32(1), data: bytes.slice(5) };
	return null;
}

/** @param {number[] | Uint8Array} body */
function message(/** @type {number} */ type, body) {
	const bytes = new Uint8Array(3 + body.length);
	new DataView(bytes.buffer).setUint16(0, 1 + body.length);
	bytes[2] = type;
	bytes.set(body, 3);
	return bytes;
}

export const hello = () => message(1, [VERSION]);
/** @param {boolean} on */
export const listen = (on) => message(2, [on ? 1 : 0]);
/** @param {boolean} on */
export const talk = (on) => message(3, [on ? 1 : 0]);
/** @param {Uint8Array} packet */
export const voice = (packet) => message(4, packet);
/** @param {number} number */
export const heard = (number) => message(5, [number >>> 24, number >>> 16 & 255, number >>> 8 & 255, number & 255]);
