// SPDX-License-Identifier: GPL-2.0-or-later
// The person's microphone: switched on by them alone, each time; encoded and sent only while the desktop records.

const BITRATE = 32_000;

/**
 * @param {object} options
 * @param {number} options.rate frames a second
 * @param {(packet: Uint8Array) => void} options.send
 * @param {() => void} options.onState
 */
export function createMicrophone({ rate, send, onState }) {
	/** @type {import('./sound.js').MicrophoneState} */
	let state = 'AudioEncoder' in globalThis && navigator.mediaDevices ? 'off' : 'unsupported';
	/** @type {MediaStream | null} */
	let stream = null;
	/** @type {MediaStreamAudioSourceNode | null} */
	let source = null;
	/** @type {AudioWorkletNode | null} */
	let node = null;
	/** @type {AudioEncoder | null} */
	let encoder = null;
	let time = 0;
	let asking = 0;

	/** @param {import('./sound.js').MicrophoneState} next */
	function set(next) {
		state = next;
		onState();
	}

	function createEncoder() {
		const fresh = new AudioEncoder({
			output(chunk) {
				const packet = new Uint8Array(chunk.byteLength);
				chunk.copyTo(packet);
				send(packet);
			},
			error: (error) => console.warn(error),
		});
		fresh.configure(/** @type {AudioEncoderConfig} */ ({ codec: 'opus', sampleRate: rate, numberOfChannels: 1, bitrate: BITRATE,
			opus: { frameDuration: 20_000, application: 'voip' } }));
		return fresh;
	}

	/** @param {MessageEvent<Float32Array<ArrayBuffer>>} event */
	function takeBlock({ data }) {
		if (state !== 'heard')
			return;
		if (encoder?.state !== 'configured')
			encoder = createEncoder();
		const frames = new AudioData({ format: 'f32-planar', sampleRate: rate, numberOfFrames: data.length, numberOfChannels: 1, timestamp: time, data });
		time += Math.round(data.length * 1e6 / rate);
		encoder.encode(frames);
		frames.close();
	}

	function stop() {
		asking++;
		for (const track of stream?.getTracks() ?? [])
			track.stop();
		source?.disconnect();
		node?.disconnect();
		if (encoder?.state === 'configured')
			encoder.close();
		stream = source = node = encoder = null;
	}

	const isOn = () => state === 'on' || state === 'heard';

	return {
		state: () => state,
		isOn,
		/**
		 * Asks the browser for it; null lets go of it.
		 * @param {AudioContext | null} context with the worklet in it
		 */
		async setOn(context) {
			stop();
			if (state === 'unsupported')
				return;
			if (!context)
				return set('off');
			const mine = asking;
			try {
				const got = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
				if (mine !== asking)
					return got.getTracks().forEach((track) => track.stop());
				stream = got;
				source = context.createMediaStreamSource(got);
				node = new AudioWorkletNode(context, 'microphone', { numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit' });
				node.port.onmessage = takeBlock;
				got.getTracks().forEach((track) => {
					track.onended = () => {
						stop();
						set('off');
					};
				});
				set('on');
			} catch (error) {
				stop();
				set(error instanceof DOMException && error.name === 'NotFoundError' ? 'none' : 'denied');
			}
		},
		/** The desktop records it, or does not. @param {boolean} heard */
		setHeard(heard) {
			if (!isOn() || heard === (state === 'heard'))
				return;
			if (heard && source && node)
				source.connect(node);
			else
				source?.disconnect();
			state = heard ? 'heard' : 'on';
		},
	};
}
