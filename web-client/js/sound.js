// SPDX-License-Identifier: GPL-2.0-or-later
// The desktop's sound, and the person's microphone where the pool lets the desktop hear it. There is no connection while neither is on.

import { createMicrophone } from './microphone.js';
import { createParser, heard, hello, listen, talk, voice } from './sound-wire.js';

const RATE = 48000;
const MUTE_KEY = 'carrel.mute';
const RETRY_MS = 2000;
// Packets between two words that they came; the desktop goes by these when it judges how late this page is.
const TOLD = 5;

/** @typedef {'on' | 'muted' | 'blocked' | 'unsupported' | 'off' | 'absent'} SpeakerState
 *  blocked: until the person touches the page; off: by the pool; absent: the desktop has none
 *  @typedef {'hidden' | 'off' | 'on' | 'heard' | 'denied' | 'none' | 'unsupported'} MicrophoneState */

/**
 * @param {object} options
 * @param {string} options.desktop
 * @param {{sound?: boolean, microphone?: boolean} | undefined} options.policy
 * @param {AbortSignal} options.gone
 */
export function createSound({ desktop, policy, gone }) {
	const supported = 'AudioDecoder' in globalThis && 'AudioWorkletNode' in globalThis;
	const offered = policy?.sound === true;
	let muted = storedMute();
	let absent = false;
	let wanted = false;
	let retryTimer = 0;
	let numberHeard = 0;
	let untold = 0;
	/** @type {WebSocket | null} */
	let socket = null;
	/** @type {AudioContext | null} */
	let context = null;
	/** @type {AudioWorkletNode | null} */
	let player = null;
	/** @type {AudioDecoder | null} */
	let decoder = null;
	/** @type {() => void} */
	let onChange = () => {};

	const microphone = createMicrophone({
		rate: RATE,
		send: (packet) => send(voice(packet)),
		onState: () => settle(),
	});

	/** @returns {SpeakerState} */
	function speaker() {
		if (!offered)
			return 'off';
		if (!supported)
			return 'unsupported';
		if (absent)
			return 'absent';
		if (muted)
			return 'muted';
		return context?.state === 'running' && player ? 'on' : 'blocked';
	}

	/** @returns {MicrophoneState} */
	function microphoneState() {
		if (!offered || !policy?.microphone)
			return 'hidden';
		return absent ? 'none' : microphone.state();
	}

	/** @param {Uint8Array<ArrayBuffer>} bytes */
	function send(bytes) {
		if (socket?.readyState === WebSocket.OPEN)
			socket.send(bytes);
	}

	/** Opens, closes and tells, as what is wanted now says. */
	function settle() {
		const needed = wanted && !gone.aborted && (speaker() === 'on' || microphone.isOn());
		clearTimeout(retryTimer);
		// The microphone's samples need it, too.
		if (muted && !microphone.isOn() && context?.state === 'running')
			context.suspend().catch(() => {});
		if (needed && !socket)
			open();
		else if (!needed && socket)
			close();
		else if (needed)
			tell();
		onChange();
	}

	function tell() {
		send(listen(speaker() === 'on'));
		send(talk(microphone.isOn()));
	}

	function open() {
		const url = new URL(`/api/v1/desktops/${encodeURIComponent(desktop)}/sound`, location.href);
		url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
		const mine = new WebSocket(url, ['binary']);
		const parse = createParser();
		socket = mine;
		mine.binaryType = 'arraybuffer';
		mine.addEventListener('open', () => {
			send(hello());
			tell();
		});
		mine.addEventListener('message', ({ data }) => {
			try {
				parse(data).forEach(take);
			} catch {
				mine.close();
			}
		});
		mine.addEventListener('close', () => {
			if (socket !== mine)
				return;
			close();
			// With the screen lost it is the viewer's to come back.
			retryTimer = setTimeout(settle, RETRY_MS);
			onChange();
		});
	}

	function close() {
		const old = socket;
		socket = null;
		old?.close();
		player?.port.postMessage(null);
		microphone.setHeard(false);
	}

	/** @param {import('./sound-wire.js').Message} message */
	function take(message) {
		if (message.type === 'packet')
			return takePacket(message);
		if (message.type !== 'state')
			return;
		absent = message.absent;
		microphone.setHeard(message.recorded);
		if (!message.playing) {
			sayHeard();
			player?.port.postMessage(null);
		}
		onChange();
	}

	function sayHeard() {
		if (untold > 0)
			send(heard(numberHeard));
		untold = 0;
	}

	/** @param {{number: number, data: Uint8Array<ArrayBuffer>}} packet */
	function takePacket({ number, data }) {
		numberHeard = number;
		if (++untold >= TOLD)
			sayHeard();
		if (!player)
			return;
		if (decoder?.state !== 'configured')
			decoder = createDecoder();
		decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: number * 10_000, data }));
	}

	function createDecoder() {
		const fresh = new AudioDecoder({
			output(frames) {
				const sides = [0, 1].map((side) => {
					const samples = new Float32Array(frames.numberOfFrames);
					frames.copyTo(samples, { planeIndex: Math.min(side, frames.numberOfChannels - 1), format: 'f32-planar' });
					return samples;
				});
				frames.close();
				player?.port.postMessage(sides, sides.map(({ buffer }) => buffer));
			},
			// The next packet makes another.
			error: (error) => console.warn(error),
		});
		fresh.configure({ codec: 'opus', sampleRate: RATE, numberOfChannels: 2 });
		return fresh;
	}

	/** Browsers let a page be heard once the person has touched it. */
	async function start() {
		if (context || !offered || !supported)
			return;
		context = new AudioContext({ sampleRate: RATE, latencyHint: 'interactive' });
		context.onstatechange = settle;
		try {
			await context.audioWorklet.addModule(new URL('./sound-worklet.js', import.meta.url).href);
			player = new AudioWorkletNode(context, 'player', { numberOfInputs: 0, outputChannelCount: [2] });
			player.connect(context.destination);
		} catch (error) {
			console.warn(error);
		}
		settle();
	}

	function wake() {
		if (!muted && context?.state === 'suspended')
			context.resume().catch(() => {});
	}

	for (const touch of ['pointerdown', 'pointerup', 'keydown'])
		addEventListener(touch, wake, { signal: gone, capture: true });
	gone.addEventListener('abort', () => {
		microphone.setOn(null);
		settle();
		context?.close().catch(() => {});
	});

	return {
		speaker,
		microphone: microphoneState,
		/** @param {() => void} func */
		watch(func) {
			onChange = func;
			func();
		},
		/** The screen is there, or is not. @param {boolean} there */
		follow(there) {
			wanted = there;
			if (there && !muted)
				start();
			settle();
		},
		toggleSpeaker() {
			if (speaker() === 'blocked')
				return void start().then(wake);
			muted = !muted;
			storeMute(muted);
			if (!muted)
				start().then(wake);
			settle();
		},
		async toggleMicrophone() {
			if (microphone.isOn())
				return microphone.setOn(null);
			await start();
			await context?.resume().catch(() => {});
			await microphone.setOn(context);
		},
	};
}

function storedMute() {
	try {
		return localStorage.getItem(MUTE_KEY) === '1';
	} catch {
		return false;
	}
}

/** @param {boolean} muted */
function storeMute(muted) {
	try {
		if (muted)
			localStorage.setItem(MUTE_KEY, '1');
		else
			localStorage.removeItem(MUTE_KEY);
	} catch {
		// Not kept, then.
	}
}
