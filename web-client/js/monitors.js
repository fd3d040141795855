// SPDX-License-Identifier: GPL-2.0-or-later
// The monitors of a desktop as RFB tells of them (rfbproto: SetDesktopSize and ExtendedDesktopSize), and where they lie. Pure.

/**
 * @typedef {object} Monitor a part of the desktop's one picture, in its pixels
 * @property {number} id
 * @property {number} x
 * @property {number} y
 * @property {number} w
 * @property {number} h
 */

const SCREEN_BYTES = 16;

/**
 * @param {Uint8Array} bytes what follows the head of an ExtendedDesktopSize rectangle: all of it
 * @returns {Monitor[]}
 */
export function readMonitors(bytes) {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	return Array.from({ length: bytes[0] }, (_, i) => {
		const at = 4 + SCREEN_BYTES * i;
		return { id: view.getUint32(at), x: view.getUint16(at + 4), y: view.getUint16(at + 6), w: view.getUint16(at + 8), h: view.getUint16(at + 10) };
	});
}

/** @param {Monitor[]} monitors at least one */
export function sizeMessage(monitors) {
	const bytes = new Uint8Array(8 + SCREEN_BYTES * monitors.length);
	const view = new DataView(bytes.buffer);
	bytes[0] = 251;
	view.setUint16(2, Math.max(...monitors.map(({ x, w }) => x + w)));
	view.setUint16(4, Math.max(...monitors.map(({ y, h }) => y + h)));
	bytes[6] = monitors.length;
	monitors.forEach(({ id, x, y, w, h }, i) => {
		const at = 8 + SCREEN_BYTES * i;
		view.setUint32(at, id);
		[x, y, w, h].forEach((number, k) => view.setUint16(at + 4 + 2 * k, number));
	});
	return bytes;
}

/**
 * The second one stands to the right of the first.
 * @param {{w: number, h: number}} first
 * @param {{w: number, h: number} | null} second
 * @returns {Monitor[]}
 */
export function sideBySide(first, second) {
	const main = { id: 0, x: 0, y: 0, w: first.w, h: first.h };
	return second ? [main, { id: 1, x: first.w, y: 0, w: second.w, h: second.h }] : [main];
}

/**
 * @param {Monitor[]} a
 * @param {Monitor[]} b
 */
export function sameMonitors(a, b) {
	return a.length === b.length && a.every(({ id, x, y, w, h }, i) => id === b[i].id && x === b[i].x && y === b[i].y && w === b[i].w && h === b[i].h);
}

/**
 * Which pixel of the desktop is under a point of a box that shows a monitor as large as fits, in its middle.
 * @param {{width: number, height: number}} box
 * @param {Monitor} monitor
 * @param {number} x in the box
 * @param {number} y
 */
export function pixelAt(box, monitor, x, y) {
	const scale = Math.min(box.width / monitor.w, box.height / monitor.h);
	const inside = (/** @type {number} */ at, /** @type {number} */ room, /** @type {number} */ side) =>
		Math.min(side - 1, Math.max(0, Math.floor((at - (room - side * scale) / 2) / scale)));
	return { x: monitor.x + inside(x, box.width, monitor.w), y: monitor.y + inside(y, box.height, monitor.h) };
}
