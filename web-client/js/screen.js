// SPDX-License-Identifier: GPL-2.0-or-later
// noVNC's RFB, with a WebSocket of our own (its close code says why) and a guest that follows the window exactly.

import RFB from '../vendor/novnc/core/rfb.js';
import { guestSize } from './guest-size.js';
import { readMonitors, sameMonitors, sideBySide, sizeMessage } from './monitors.js';

// A server that takes a resize and never answers must not end resizing for good: noVNC waits for ever.
const RESIZE_ANSWER_MS = 3000;
// A screen that sends nothing for so long is shown as it is.
const FIRST_PICTURE_MS = 3000;
const LOOK_MS = 15;

/**
 * These methods are not noVNC's public interface; vendor/novnc/README.md says to look at them with each new version.
 * As they come they (1) size the guest in CSS pixels with a fraction, which is never equal to what the server then has, and
 * so is asked for again and again under a browser zoom; (2) have no say over sharpness; (3) insist when a guest took another
 * size than it was asked for; (4) have everything sent to a page that is hidden; (5) know of one monitor: here the first is shown, and
 * the second lies beside it in the picture.
 */
class FollowingRFB extends RFB {
	pixelRatio = 1;
	/** @type {import('./monitors.js').Monitor[]} */
	monitors = [];
	/** @type {{w: number, h: number} | null} */
	second = null;
	onPicture = () => {};
	_asking = false;
	_askedFor = '';

	_screenSize() {
		const { w, h } = super._screenSize();
		return this._asking ? guestSize(w, h, this.pixelRatio) : { w: Math.floor(w), h: Math.floor(h) };
	}

	_requestRemoteResize() {
		if (this._pendingRemoteResize && Date.now() - this._lastResize > RESIZE_ANSWER_MS)
			this._pendingRemoteResize = false;
		this._asking = true;
		try {
			const { w, h } = this._screenSize();
			const monitors = sideBySide({ w, h }, this.second);
			const wish = JSON.stringify(monitors);
			const wait = !this._supportsSetDesktopSize || this._pendingRemoteResize || Date.now() - this._lastResize < 100;
			if (!wait && wish === this._askedFor)
				return;
			if (monitors.length === 1 && this.monitors.length <= 1)
				super._requestRemoteResize();
			else
				this._requestMonitors(monitors);
			if (!wait)
				this._askedFor = wish;
		} finally {
			this._asking = false;
		}
	}

	/** While nobody sees the picture, nor the second monitor's window, only a corner's changes are asked for; what else changes comes when somebody does. */
	_updateContinuousUpdates() {
		if (document.hidden && !this.second && this._enabledContinuousUpdates)
			RFB.messages.enableContinuousUpdates(this._sock, true, 0, 0, 1, 1);
		else
			super._updateContinuousUpdates();
	}

	/** As noVNC does it for one. @param {import('./monitors.js').Monitor[]} monitors */
	_requestMonitors(monitors) {
		if (!this._resizeSession || this._viewOnly || !this._supportsSetDesktopSize || sameMonitors(monitors, this.monitors))
			return;
		const since = Date.now() - this._lastResize;
		if (this._pendingRemoteResize || since < 100) {
			clearTimeout(this._resizeTimeout ?? undefined);
			this._resizeTimeout = setTimeout(() => this._requestRemoteResize(), this._pendingRemoteResize ? RESIZE_ANSWER_MS + 100 : 100 - since);
			return;
		}
		this._resizeTimeout = null;
		this._pendingRemoteResize = true;
		this._lastResize = Date.now();
		this._sock.sQpushBytes(sizeMessage(monitors));
		this._sock.flush();
	}

	_handleExtendedDesktopSize() {
		if (this._sock.rQwait('ExtendedDesktopSize', 4))
			return false;
		const size = 4 + 16 * this._sock.rQpeek8();
		if (this._sock.rQwait('ExtendedDesktopSize', size))
			return false;
		const refused = this._FBU.x === 1 && this._FBU.y !== 0;
		if (!refused)
			this.monitors = readMonitors(this._sock.rQpeekBytes(size));
		const done = super._handleExtendedDesktopSize();
		// Where they lie may be all that changed.
		this._updateClip();
		this._updateScale();
		this.onPicture();
		return done;
	}

	_updateClip() {
		if (this.monitors.length < 2) {
			super._updateClip();
			return;
		}
		const [{ x, y, w, h }] = this.monitors;
		this._display.clipViewport = true;
		this._display.viewportChangeSize(w, h);
		this._display.viewportChangePos(x - this._display.absX(0), y - this._display.absY(0));
	}

	_framebufferUpdate() {
		const done = super._framebufferUpdate();
		if (done)
			this.onPicture();
		return done;
	}

	/**
	 * The pointer at a pixel of the whole picture.
	 * @param {number} x
	 * @param {number} y
	 * @param {number} mask RFB's
	 */
	point(x, y, mask) {
		if (this._rfbConnectionState !== 'connected' || this._viewOnly)
			return;
		if (this._extendedPointerEventSupported && mask & 0x7f80)
			RFB.messages.extendedPointerEvent(this._sock, x, y, mask);
		else
			RFB.messages.pointerEvent(this._sock, x, y, mask & 0x7f);
	}

	/** Ask even if this size was asked for before: another client may have changed it since. */
	insist() {
		this._askedFor = '';
		this._requestRemoteResize();
	}
}

/**
 * One connection to one desktop's screen. It ends once; a new one is a new object.
 *
 * @param {object} options
 * @param {HTMLElement} options.mount where the picture goes; its size is the guest's
 * @param {string} options.desktop
 * @param {number} options.pixelRatio
 * @param {number} options.deadlineMs to the end of the hand-shake
 * @param {() => void} options.onConnect the first picture is there
 * @param {(code: number) => void} options.onLost while the last picture is still there; called once, after onConnect or without it
 * @param {(text: string) => void} options.onClipboard
 * @param {{w: number, h: number} | null} options.second the size that a second monitor is to have
 * @param {() => void} options.onPicture pixels, or where the monitors lie, have changed
 */
export function openScreen({ mount, desktop, pixelRatio, deadlineMs, onConnect, onLost, onClipboard, second, onPicture }) {
	const url = new URL(`/api/v1/desktops/${encodeURIComponent(desktop)}/screen`, location.href);
	url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
	const socket = new WebSocket(url, ['binary']);
	let over = false;
	// Before RFB's own handler, so that the last picture can still be kept.
	socket.addEventListener('close', (event) => end(event.code));

	const rfb = new FollowingRFB(mount, socket, { shared: true });
	rfb.pixelRatio = pixelRatio;
	rfb.second = second;
	rfb.onPicture = onPicture;
	rfb.scaleViewport = true;
	rfb.resizeSession = true;
	rfb.showDotCursor = true;
	rfb.background = 'transparent';
	rfb.addEventListener('connect', () => {
		clearTimeout(deadline);
		label();
		awaitPicture(Date.now() + FIRST_PICTURE_MS);
	});
	rfb.addEventListener('clipboard', (/** @type {CustomEvent} */ event) => onClipboard(event.detail.text));
	// A stream that noVNC could not follow. 1002 is "protocol error".
	rfb.addEventListener('disconnect', () => end(1002));
	const deadline = setTimeout(() => close(1006), deadlineMs);
	const onVisibility = () => rfb._updateContinuousUpdates();
	document.addEventListener('visibilitychange', onVisibility);

	/** @returns {HTMLCanvasElement | null} */
	function picture() {
		return mount.querySelector('canvas:not(.ghost)');
	}

	function label() {
		const canvas = picture();
		canvas?.setAttribute('role', 'application');
		canvas?.setAttribute('aria-label', mount.dataset.label ?? '');
		canvas?.setAttribute('aria-describedby', 'way-out');
	}

	/** noVNC does not tell: a canvas is transparent until the first rectangle. @param {number} until */
	function awaitPicture(until) {
		if (over)
			return;
		const canvas = picture();
		const painted = canvas && canvas.width > 0 && canvas.getContext('2d')?.getImageData(0, 0, 1, 1).data[3] !== 0;
		if (painted || Date.now() > until)
			onConnect();
		else
			setTimeout(awaitPicture, LOOK_MS, until);
	}

	function finish() {
		over = true;
		clearTimeout(deadline);
		document.removeEventListener('visibilitychange', onVisibility);
	}

	/** @param {number} code */
	function end(code) {
		if (over)
			return;
		finish();
		onLost(code);
	}

	/** @param {number} code */
	function close(code) {
		end(code);
		rfb.disconnect();
	}

	return {
		focus: () => rfb.focus({ preventScroll: true }),
		picture,
		/** @param {string} text */
		paste: (text) => rfb.clipboardPasteFrom(text),
		/** @param {[number, string][]} keys pressed in this order, released in the other */
		press(keys) {
			for (const [keysym, code] of keys)
				rfb.sendKey(keysym, code, true);
			for (const [keysym, code] of [...keys].reverse())
				rfb.sendKey(keysym, code, false);
		},
		/** A key that has no place on a keyboard. @param {number} keysym */
		type: (keysym) => rfb.sendKey(keysym, ''),
		/** @param {number} [ratio] */
		followWindow(ratio) {
			if (ratio)
				rfb.pixelRatio = ratio;
			rfb.insist();
		},
		/** @param {{w: number, h: number} | null} size null: the second monitor is taken away */
		setSecond(size) {
			rfb.second = size;
			rfb.insist();
		},
		/** Where the second monitor is in the picture; none while the desktop has not lit it. */
		second: () => (rfb.second ? rfb.monitors.find(({ id }) => id !== 0) : undefined),
		/**
		 * @param {CanvasRenderingContext2D} context of a canvas of the monitor's size
		 * @param {import('./monitors.js').Monitor} monitor
		 */
		drawOn(context, { x, y, w, h }) {
			context.drawImage(rfb._display._backbuffer, x, y, w, h, 0, 0, w, h);
		},
		/** @param {number} x @param {number} y @param {number} mask */
		point: (x, y, mask) => rfb.point(x, y, mask),
		/** As noVNC's own keyboard does it. @type {(...event: any[]) => void} */
		key: (...event) => rfb._handleKeyEvent(...event),
		/** Ends it from here, without onLost. */
		leave() {
			finish();
			rfb.disconnect();
		},
		/** The way is known to be dead although the socket does not know it yet. */
		cut: () => close(1006),
	};
}

/** @typedef {ReturnType<typeof openScreen>} Screen */
