// SPDX-License-Identifier: GPL-2.0-or-later
// Which resolution to ask of a guest for a window of some size.

// Below this a desktop has no room for its own windows: a phone gets this much, scaled down.
const MIN_WIDTH = 640;
const MIN_HEIGHT = 480;
// What RFB's SetDesktopSize can say is more; no guest has more.
const MAX_SIDE = 8192;

/**
 * @param {number} width of the window, in CSS pixels; may have a fraction
 * @param {number} height
 * @param {number} ratio guest pixels for a CSS pixel: 1, or devicePixelRatio for a sharp picture
 * @returns {{w: number, h: number}} whole pixels, in the window's proportions where the limits allow
 */
export function guestSize(width, height, ratio) {
	if (!(width > 0 && height > 0 && ratio > 0))
		return { w: MIN_WIDTH, h: MIN_HEIGHT };
	const grow = Math.max(1, MIN_WIDTH / (width * ratio), MIN_HEIGHT / (height * ratio));
	const whole = (/** @type {number} */ side) => Math.min(MAX_SIDE, Math.floor(side * ratio * grow + 0.001));
	return { w: whole(width), h: whole(height) };
}
