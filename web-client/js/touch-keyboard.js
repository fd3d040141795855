// SPDX-License-Identifier: GPL-2.0-or-later
// Typing on a touch screen. Its keyboard appears only for a text field, and tells by changes of that field what was typed: words
// may come at once, and be corrected.

const BACKSPACE = 0xff08;
const RETURN = 0xff0d;
// The field never runs empty, or there would be nothing for Backspace to change.
const PAD = '\u00a0'.repeat(64);
const LONG = 512;

/**
 * The keys that make one text out of the other.
 * @param {string} before
 * @param {string} after
 * @returns {number[]} X11 keysyms
 */
export function typedKeys(before, after) {
	const old = [...before];
	const now = [...after];
	let same = 0;
	while (same < old.length && same < now.length && old[same] === now[same])
		same++;
	return [...old.slice(same).map(() => BACKSPACE), ...now.slice(same).map(keysym)];
}

/** @param {string} character */
function keysym(character) {
	const code = /** @type {number} */ (character.codePointAt(0));
	if (character === '\n')
		return RETURN;
	// X11: Latin-1 stands for itself, every other character is its code point with this bit.
	return code < 0x100 ? code : 0x01000000 | code;
}

/**
 * @param {HTMLTextAreaElement} field
 * @param {(keysym: number) => void} onKey
 */
export function listenTouchKeyboard(field, onKey) {
	let last = PAD;
	const start = () => {
		last = PAD;
		field.value = PAD;
		field.setSelectionRange(PAD.length, PAD.length);
	};
	field.addEventListener('focus', start);
	field.addEventListener('input', (event) => {
		for (const key of typedKeys(last, field.value))
			onKey(key);
		last = field.value;
		const composing = /** @type {InputEvent} */ (event).isComposing;
		if (!composing && (last.length < PAD.length / 2 || last.length > LONG))
			start();
	});
}
