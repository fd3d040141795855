// SPDX-License-Identifier: GPL-2.0-or-later
// Keys that the browser or the local desktop would keep for itself. X11 keysyms, and names of KeyboardEvent.code.

/** @type {Record<string, [number, string]>} */
const KEY = {
	ctrl: [0xffe3, 'ControlLeft'],
	alt: [0xffe9, 'AltLeft'],
	super: [0xffeb, 'MetaLeft'],
	del: [0xffff, 'Delete'],
	tab: [0xff09, 'Tab'],
	esc: [0xff1b, 'Escape'],
	f4: [0xffc1, 'F4'],
	f11: [0xffc8, 'F11'],
	print: [0xff61, 'PrintScreen'],
	t: [0x74, 'KeyT'],
	w: [0x77, 'KeyW'],
};

/** @type {{label: string, keys: [number, string][]}[]} */
export const combos = [
	{ label: 'Ctrl + Alt + Del', keys: [KEY.ctrl, KEY.alt, KEY.del] },
	{ label: 'Alt + Tab', keys: [KEY.alt, KEY.tab] },
	{ label: 'Alt + F4', keys: [KEY.alt, KEY.f4] },
	{ label: 'Super', keys: [KEY.super] },
	{ label: 'Ctrl + T', keys: [KEY.ctrl, KEY.t] },
	{ label: 'Ctrl + W', keys: [KEY.ctrl, KEY.w] },
	{ label: 'F11', keys: [KEY.f11] },
	{ label: 'Esc', keys: [KEY.esc] },
	{ label: 'Print Screen', keys: [KEY.print] },
];

/**
 * The way out of the remote screen: Ctrl, Alt and Shift together, then let go, with no other key between. The screen takes every
 * other key. It fires when all three are up again, so that the guest is left with none of them held down.
 * @param {() => void} onWayOut
 * @returns {(event: {type: string, key: string, ctrlKey: boolean, altKey: boolean, shiftKey: boolean}) => void} for keydown and keyup
 */
export function watchWayOut(onWayOut) {
	const modifiers = ['Control', 'Alt', 'AltGraph', 'Shift', 'Meta'];
	let armed = false;
	return (event) => {
		if (!modifiers.includes(event.key)) {
			armed = false;
			return;
		}
		if (event.type === 'keydown') {
			armed = event.ctrlKey && event.altKey && event.shiftKey;
			return;
		}
		if (armed && !event.ctrlKey && !event.altKey && !event.shiftKey) {
			armed = false;
			onWayOut();
		}
	};
}
