// SPDX-License-Identifier: GPL-2.0-or-later
// The desktop's second monitor in a window of its own. The connection, the picture and all that runs are this page's: the window is
// a canvas that the monitor's part of the picture is copied to, and that pointer and keyboard come from.

import Keyboard from '../vendor/novnc/core/input/keyboard.js';
import { el } from './dom.js';
import { guestSize } from './guest-size.js';
import { watchWayOut } from './keys.js';
import { pixelAt } from './monitors.js';
import { t } from './words.js';

const RESIZE_MS = 150;
// A desktop whose agent answers has its second monitor long before.
const SLOW_MS = 12_000;
const WHEEL_STEP = 50;
const WHEEL_LINE = 19;
// How RFB numbers what MouseEvent.buttons has as bits: left, right, middle, back, forward.
const BUTTONS = [0, 2, 1, 7, 8];

/**
 * @param {object} options
 * @param {string} options.title
 * @param {() => number} options.pixelRatio
 * @param {() => import('./screen.js').Screen | null} options.screen
 * @param {(open: boolean) => void} options.onState
 * @param {() => void} options.onBlocked the browser opens no window
 */
export function createSecondMonitor({ title, pixelRatio, screen, onState, onBlocked }) {
	/** @type {Window | null} */
	let shown = null;
	/** @type {AbortController | null} */
	let gone = null;
	/** @type {{w: number, h: number} | null} */
	let wish = null;
	let dirty = false;
	let slowTimer = 0;
	let resizeTimer = 0;

	/** @type {HTMLCanvasElement} */
	let canvas;
	/** @type {HTMLElement} */
	let message;
	/** @type {HTMLElement} */
	let bar;

	function open() {
		const win = window.open('monitor.html', '', `popup,width=${Math.round(innerWidth * 0.8)},height=${Math.round(innerHeight * 0.8)}`);
		if (!win) {
			onBlocked();
			return;
		}
		shown = win;
		dirty = false;
		gone = new AbortController();
		win.addEventListener('load', () => build(win), { signal: gone.signal });
		onState(true);
	}

	/** @param {Window} win */
	function build(win) {
		const signal = /** @type {AbortController} */ (gone).signal;
		const page = win.document;
		page.documentElement.lang = document.documentElement.lang;
		page.title = t('second.title', { title });
		canvas = el('canvas', { tabIndex: 0, role: 'application', width: 1, height: 1, 'aria-label': t('second.screen', { title }), 'aria-describedby': 'way-out' });
		message = el('p', { class: 'second-message', role: 'status' }, t('second.waiting'));
		const full = el('button', { type: 'button', class: 'tool', hidden: !page.fullscreenEnabled, on: { click: () => toggleFull(page) } }, t('viewer.fullscreen'));
		const shut = el('button', { type: 'button', class: 'tool', on: { click: close } }, t('second.close'));
		bar = el('div', { class: 'second-bar', role: 'group', 'aria-label': t('viewer.toolbar') }, full, shut, el('span', { class: 'bar-hint' }, t('viewer.wayOutShort')));
		page.body.replaceChildren(el('main', {}, bar, canvas, message, el('p', { class: 'hidden', id: 'way-out' }, t('viewer.wayOut'))));
		page.addEventListener('fullscreenchange', () => {
			full.textContent = page.fullscreenElement ? t('viewer.window') : t('viewer.fullscreen');
		}, { signal });
		takeInput(win, signal);
		// Closed, left for another address, or loaded anew: nothing of ours is in it then.
		win.addEventListener('pagehide', forget, { signal });
		win.addEventListener('resize', () => {
			clearTimeout(resizeTimer);
			resizeTimer = setTimeout(ask, RESIZE_MS);
		}, { signal });
		slowTimer = setTimeout(() => {
			message.textContent = t('second.none');
		}, SLOW_MS);
		canvas.focus();
		ask();
	}

	/** @param {Document} page */
	async function toggleFull(page) {
		try {
			await (page.fullscreenElement ? page.exitFullscreen() : page.documentElement.requestFullscreen({ navigationUI: 'hide' }));
		} catch {
			// Refused: the window stays as it is.
		}
		canvas.focus();
	}

	/** Tells the desktop of the window's size; the answer comes as a new layout. */
	function ask() {
		if (!shown || !canvas)
			return;
		wish = guestSize(shown.innerWidth, shown.innerHeight, pixelRatio());
		screen()?.setSecond(wish);
	}

	function draw() {
		dirty = false;
		const now = screen();
		const monitor = now?.second();
		if (!shown || !canvas || !now || !monitor)
			return;
		if (canvas.width !== monitor.w || canvas.height !== monitor.h) {
			canvas.width = monitor.w;
			canvas.height = monitor.h;
		}
		now.drawOn(/** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')), monitor);
		canvas.style.cursor = now.picture()?.style.cursor ?? '';
	}

	/**
	 * @param {Window} win
	 * @param {AbortSignal} signal
	 */
	function takeInput(win, signal) {
		let wheelX = 0;
		let wheelY = 0;
		/** @param {MouseEvent} event @param {number} [more] RFB's bits of a wheel */
		const point = (event, more = 0) => {
			const monitor = screen()?.second();
			if (!monitor)
				return;
			const { x, y } = pixelAt({ width: canvas.clientWidth, height: canvas.clientHeight }, monitor, event.offsetX, event.offsetY);
			const mask = BUTTONS.reduce((bits, bit, i) => (event.buttons & (1 << i) ? bits | (1 << bit) : bits), 0);
			screen()?.point(x, y, mask | more);
		};
		canvas.addEventListener('pointerdown', (event) => {
			canvas.setPointerCapture(event.pointerId);
			canvas.focus();
		}, { signal });
		for (const type of /** @type {const} */ (['pointerdown', 'pointerup', 'pointermove']))
			canvas.addEventListener(type, (event) => {
				event.preventDefault();
				point(event);
			}, { signal });
		canvas.addEventListener('contextmenu', (event) => event.preventDefault(), { signal });
		/** @param {WheelEvent} event @param {number} sum @param {number} less @param {number} more */
		const turn = (event, sum, less, more) => {
			if (Math.abs(sum) < WHEEL_STEP)
				return sum;
			point(event, 1 << (sum < 0 ? less : more));
			point(event);
			return 0;
		};
		canvas.addEventListener('wheel', (event) => {
			const unit = event.deltaMode === 0 ? 1 : WHEEL_LINE;
			event.preventDefault();
			wheelX = turn(event, wheelX + event.deltaX * unit, 5, 6);
			wheelY = turn(event, wheelY + event.deltaY * unit, 3, 4);
		}, { signal, passive: false });

		const keyboard = new Keyboard(canvas);
		keyboard.onkeyevent = /** @param {any[]} key as RFB's own listener has it */ (...key) => screen()?.key(...key);
		keyboard.grab();
		// It lets go of what is held when the page's own window is left; this is another.
		win.addEventListener('blur', () => {
			keyboard.ungrab();
			if (!signal.aborted)
				keyboard.grab();
		}, { signal });
		signal.addEventListener('abort', () => keyboard.ungrab());
		const onWayOut = watchWayOut(() => {
			const inBar = bar.contains(win.document.activeElement);
			/** @type {HTMLElement} */ (inBar ? canvas : bar.querySelector('button:not([hidden])')).focus();
		});
		win.addEventListener('keydown', onWayOut, { signal, capture: true });
		win.addEventListener('keyup', onWayOut, { signal, capture: true });
	}

	/** Also where the window closed by itself. */
	function forget() {
		if (!shown)
			return;
		gone?.abort();
		clearTimeout(slowTimer);
		clearTimeout(resizeTimer);
		shown = null;
		wish = null;
		screen()?.setSecond(null);
		onState(false);
	}

	function close() {
		const win = shown;
		forget();
		win?.close();
	}

	return {
		toggle: () => (shown ? close() : open()),
		close,
		isOpen: () => shown !== null,
		/** Another connection: it is to have what was wished of the one before. */
		wish: () => wish,
		/** Pixels, or where they are, have changed. */
		changed() {
			if (!shown || !canvas)
				return;
			const there = Boolean(screen()?.second());
			if (there)
				clearTimeout(slowTimer);
			message.hidden = there;
			if (canvas.hidden === there) {
				canvas.hidden = !there;
				if (there && shown.document.activeElement === shown.document.body)
					canvas.focus();
			}
			if (!dirty && there) {
				dirty = true;
				shown.requestAnimationFrame(draw);
			}
		},
		/** The ratio of pixels, or the main window's size. */
		follow: ask,
	};
}
