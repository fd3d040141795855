// SPDX-License-Identifier: GPL-2.0-or-later
// The tool bar over the screen: a small tab at the top that opens. Everything on it can be reached with the keyboard.

import { el, icon } from './dom.js';
import { combos } from './keys.js';
import { createSoundTools } from './sound-tools.js';
import { listenTouchKeyboard } from './touch-keyboard.js';
import { toolIcon } from './tool-icons.js';
import { t } from './words.js';

const INTRODUCE_MS = 5000;
const SHARP_KEY = 'carrel.sharp';
const TYPED_MS = 200;

/** @typedef {'automatic' | 'ask' | 'by-hand' | 'too-long'} ClipboardState */

/**
 * @param {object} options
 * @param {string} options.title
 * @param {HTMLElement} options.stage goes full screen
 * @param {ReturnType<typeof import('./clipboard.js').createClipboard>} options.clipboard
 * @param {(keys: [number, string][]) => void} options.press
 * @param {(keysym: number) => void} options.type
 * @param {(ratio: number) => void} options.onRatio
 * @param {() => void} options.onScreen give the keyboard to the screen
 * @param {() => void} options.onSecond open or close the second monitor
 * @param {() => void} options.onLeave
 * @param {ReturnType<typeof import('./snapshots.js').createSnapshots>} options.snapshots
 * @param {ReturnType<typeof import('./sound.js').createSound>} options.sound
 * @param {HTMLElement} options.sendFiles the tool for that
 */
export function createToolbar({ title, stage, clipboard, press, type, onRatio, onScreen, onSecond, onLeave, snapshots, sound, sendFiles }) {
	const gone = new AbortController();
	let agentThere = false;
	let introduceTimer = 0;
	let typedTimer = 0;
	let sharp = storedSharp();

	const toggle = button('chevron', '', () => setOpen(!isOpen()));
	toggle.className = 'bar-tab';
	toggle.setAttribute('aria-expanded', 'false');
	toggle.setAttribute('aria-controls', 'bar-tools');
	toggle.replaceChildren(el('span', { class: 'bar-title' }, title), icon('chevron'));
	toggle.setAttribute('aria-label', t('viewer.toggle', { title }));

	const full = button('full', t('viewer.fullscreen'), toggleFull);
	full.hidden = !document.fullscreenEnabled;
	const sharpButton = button('sharp', t('viewer.sharp'), () => setSharp(!isSharp()));
	sharpButton.title = t('viewer.sharpText');

	const second = button('second', t('second.button'), () => {
		setOpen(false);
		onSecond();
	});
	second.title = t('second.buttonText');
	second.hidden = true;
	second.setAttribute('aria-pressed', 'false');

	const field = el('textarea', { id: 'clip-field', rows: 5, spellcheck: false, on: { input: onTyped } });
	const clipText = el('p', { class: 'hint', id: 'clip-text', role: 'status' });
	const allow = el('button', { type: 'button', class: 'button primary small', hidden: true, on: { click: () => clipboard.ask() } }, t('clip.allow'));
	const clip = withPanel('clip', t('viewer.clipboard'), el('div', {},
		el('h2', { id: 'clip-title' }, t('clip.title')),
		el('label', { for: 'clip-field' }, t('clip.field')), field, clipText, allow), () => field.focus());
	field.setAttribute('aria-describedby', 'clip-text');

	const keys = withPanel('keys', t('viewer.keys'), el('div', {},
		el('p', { class: 'hint' }, t('viewer.keysText')),
		el('div', { class: 'combos' }, combos.map((combo) => el('button', { type: 'button', class: 'button small', on: { click() {
			closePanels();
			press(combo.keys);
		} } }, combo.label)))));
	const saved = withPanel('save', t('snap.title'), snapshots.node);
	saved.button.hidden = true;
	const panels = [clip, keys, saved];

	// Only where there may be no other keyboard.
	const typing = el('textarea', { class: 'typing', tabIndex: -1, 'aria-label': t('viewer.keyboard'), autocapitalize: 'none', autocomplete: 'off', spellcheck: false });
	listenTouchKeyboard(typing, (keysym) => type(keysym));
	const keyboard = button('keys', t('viewer.keyboard'), () => {
		setOpen(false);
		typing.focus();
	});
	keyboard.hidden = !matchMedia('(any-pointer: coarse)').matches;

	const leave = button('out', t('viewer.leave'), onLeave);
	leave.title = t('viewer.leaveText');

	const tools = el('div', { class: 'bar-tools', id: 'bar-tools', role: 'group', 'aria-label': t('viewer.toolbar'), hidden: true },
		full, second, clip.button, sendFiles, keyboard, keys.button, saved.button, sharpButton, ...createSoundTools(sound), leave,
		el('p', { class: 'bar-hint' }, t('viewer.wayOutShort')));
	const node = el('div', { class: 'bar', on: { keydown: onKey } }, toggle, tools, typing, panels.map((panel) => panel.node));

	/**
	 * @param {import('./tool-icons.js').ToolIcon} name
	 * @param {string} label
	 * @param {() => void} onClick
	 */
	function button(name, label, onClick) {
		return el('button', { type: 'button', class: 'tool', on: { click: onClick } }, toolIcon(name), el('span', {}, label));
	}

	/**
	 * @param {import('./tool-icons.js').ToolIcon} name
	 * @param {string} label
	 * @param {HTMLElement} content
	 * @param {() => void} [onOpen]
	 */
	function withPanel(name, label, content, onOpen) {
		const id = `panel-${name}`;
		const panel = {
			node: el('div', { class: 'bar-panel', id, hidden: true, role: 'group', 'aria-label': label }, content),
			button: button(name, label, () => panel.set(panel.node.hidden)),
			/** @param {boolean} on */
			set(on) {
				if (on)
					closePanels();
				panel.node.hidden = !on;
				panel.button.setAttribute('aria-expanded', String(on));
				if (on)
					onOpen?.();
			},
		};
		panel.button.setAttribute('aria-expanded', 'false');
		panel.button.setAttribute('aria-controls', id);
		return panel;
	}

	const isOpen = () => !tools.hidden;

	/** @param {boolean} on */
	function setOpen(on) {
		clearTimeout(introduceTimer);
		tools.hidden = !on;
		node.classList.toggle('open', on);
		toggle.setAttribute('aria-expanded', String(on));
		if (!on)
			closePanels();
	}

	function closePanels() {
		for (const panel of panels)
			panel.set(false);
	}

	/** @param {KeyboardEvent} event */
	function onKey(event) {
		if (event.key !== 'Escape')
			return;
		event.stopPropagation();
		const open = panels.find((panel) => !panel.node.hidden);
		if (open) {
			closePanels();
			open.button.focus();
		} else {
			setOpen(false);
			onScreen();
		}
	}

	async function toggleFull() {
		if (document.fullscreenElement) {
			await document.exitFullscreen();
			return;
		}
		try {
			await stage.requestFullscreen({ navigationUI: 'hide' });
			// Where the browser can: Alt+Tab, Esc and the like go to the desktop too. Holding Esc still leaves.
			await /** @type {any} */ (navigator).keyboard?.lock?.();
		} catch {
			// Refused: the window stays as it is.
		}
		setOpen(false);
		onScreen();
	}

	function onTyped() {
		clearTimeout(typedTimer);
		typedTimer = setTimeout(() => clipboard.give(field.value), TYPED_MS);
	}

	// A scale between whole numbers blurs text, so the desktop then takes the screen's own pixels; from 1.5 on that would make
	// it too small to read, unless it is wished for.
	function isSharp() {
		return sharp ?? devicePixelRatio < 1.5;
	}

	/** @param {boolean} on */
	function setSharp(on) {
		sharp = on;
		try {
			localStorage.setItem(SHARP_KEY, on ? '1' : '0');
		} catch {
			// Not kept, then.
		}
		showRatio();
		onRatio(pixelRatio());
	}

	function pixelRatio() {
		return isSharp() ? devicePixelRatio || 1 : 1;
	}

	function showRatio() {
		sharpButton.hidden = devicePixelRatio === 1;
		sharpButton.setAttribute('aria-pressed', String(isSharp()));
	}

	/** devicePixelRatio has no event of its own: ask for the end of the present value, each time. */
	function watchRatio() {
		matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener('change', () => {
			showRatio();
			onRatio(pixelRatio());
			if (!gone.signal.aborted)
				watchRatio();
		}, { once: true, signal: gone.signal });
	}

	document.addEventListener('fullscreenchange', () => {
		/** @type {HTMLElement} */ (full.querySelector('span')).textContent = document.fullscreenElement ? t('viewer.window') : t('viewer.fullscreen');
	}, { signal: gone.signal });
	// A press on the screen closes what hangs open over it.
	stage.addEventListener('pointerdown', (event) => {
		if (!node.contains(/** @type {Node} */ (event.target)))
			setOpen(false);
	}, { signal: gone.signal, capture: true });
	showRatio();
	watchRatio();

	/** @type {ClipboardState} */
	let clipState = 'by-hand';
	function showClip() {
		const { toDesktop, fromDesktop } = clipboard ?? {};
		const off = !toDesktop && !fromDesktop;
		clip.button.classList.toggle('off', off || !agentThere);
		field.readOnly = !toDesktop;
		field.disabled = off;
		allow.hidden = clipState !== 'ask' || !agentThere;
		clipText.textContent = clipSentence(off, toDesktop, fromDesktop);
	}

	/**
	 * @param {boolean} off
	 * @param {boolean} toDesktop
	 * @param {boolean} fromDesktop
	 */
	function clipSentence(off, toDesktop, fromDesktop) {
		if (off)
			return t('clip.off');
		if (!agentThere)
			return t('clip.noAgent');
		if (clipState === 'too-long')
			return t('clip.tooLong', { limit: clipboard.limit });
		if (!fromDesktop)
			return t('clip.automaticTo');
		if (!toDesktop)
			return t('clip.automaticFrom');
		if (clipState === 'ask')
			return t('clip.ask');
		return clipState === 'automatic' ? t('clip.automatic') : t('clip.byHand');
	}

	return {
		node,
		pixelRatio,
		hasFocus: () => node.contains(document.activeElement),
		hasAgent: () => agentThere,

		/** @param {boolean} there */
		agent(there) {
			agentThere = there;
			showClip();
		},
		/** @param {boolean} on the desktop has one */
		offerSecondMonitor(on) {
			second.hidden = !on;
		},
		/** @param {boolean} open */
		secondMonitor(open) {
			second.setAttribute('aria-pressed', String(open));
		},
		offerSnapshots() {
			saved.button.hidden = !snapshots.isOffered();
			if (saved.button.hidden)
				saved.set(false);
		},
		/** @param {ClipboardState} state */
		clipboardState(state) {
			clipState = state;
			showClip();
		},
		/** @param {string} text that the guest copied */
		showClipboard(text) {
			if (document.activeElement !== field)
				field.value = text;
		},
		/** Open for a moment, so that people see that it is there. */
		introduce() {
			setOpen(true);
			introduceTimer = setTimeout(() => {
				if (!node.matches(':hover') && !node.contains(document.activeElement))
					setOpen(false);
			}, INTRODUCE_MS);
		},
		close: () => setOpen(false),
		/** The way out of the screen, and back into it. */
		toggleFocus() {
			if (node.contains(document.activeElement)) {
				setOpen(false);
				onScreen();
			} else {
				setOpen(true);
				(full.hidden ? clip.button : full).focus();
			}
		},
		dispose() {
			gone.abort();
			clearTimeout(introduceTimer);
			clearTimeout(typedTimer);
			if (document.fullscreenElement)
				document.exitFullscreen().catch(() => {});
		},
	};
}

function storedSharp() {
	try {
		const value = localStorage.getItem(SHARP_KEY);
		return value === null ? null : value === '1';
	} catch {
		return null;
	}
}
