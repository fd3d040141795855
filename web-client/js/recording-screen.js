// SPDX-License-Identifier: GPL-2.0-or-later
// One chunk of a recording as a picture: noVNC's RFB, on a channel that is no network but the bytes of the file.

import RFB from '../vendor/novnc/core/rfb.js';

// What a server says before ServerInit (RFC 6143, 7.1): the version, one security type (None), and that it is well.
const HAND_SHAKE = new Uint8Array([...new TextEncoder().encode('RFB 003.008\n'), 1, 1, 0, 0, 0, 0]);

/** What noVNC asks of a WebSocket. */
class FileChannel {
	binaryType = 'arraybuffer';
	protocol = '';
	readyState = 'connecting';
	/** @type {(event: unknown) => void} */
	onopen = () => {};
	/** @type {(event: unknown) => void} */
	onmessage = () => {};
	/** @type {(event: unknown) => void} */
	onclose = () => {};
	/** @type {(event: unknown) => void} */
	onerror = () => {};

	/** Nobody listens: requests for updates, and the hand-shake's answers. */
	send() {}

	close() {
		this.readyState = 'closed';
	}

	/** @param {Uint8Array} bytes */
	give(bytes) {
		this.onmessage({ data: bytes.slice().buffer });
	}
}

/**
 * @param {HTMLElement} mount
 * @param {Uint8Array} init the payload of the chunk's first record
 * @param {string} label
 */
export async function openChunk(mount, init, label) {
	const layer = document.createElement('div');
	layer.className = 'replay-layer';
	mount.append(layer);
	const channel = new FileChannel();
	const rfb = new RFB(layer, channel, { shared: true });
	rfb.viewOnly = true;
	rfb.focusOnClick = false;
	rfb.scaleViewport = true;
	rfb.background = 'transparent';
	const joined = new Promise((resolve, reject) => {
		rfb.addEventListener('connect', () => resolve(undefined));
		rfb.addEventListener('disconnect', () => reject(new Error('this part of the recording cannot be shown')));
	});
	channel.readyState = 'open';
	channel.onopen({});
	channel.give(HAND_SHAKE);
	channel.give(init);
	await joined;
	const canvas = layer.querySelector('canvas');
	canvas?.setAttribute('role', 'img');
	canvas?.setAttribute('aria-label', label);
	canvas?.removeAttribute('tabindex');

	return {
		/** @param {Uint8Array} bytes of the server */
		give: (bytes) => channel.give(bytes),
		/** It covers those that are below. */
		show: () => layer.classList.add('shown'),
		dispose() {
			rfb.disconnect();
			layer.remove();
		},
	};
}
