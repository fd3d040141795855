// SPDX-License-Identifier: GPL-2.0-or-later
// What runs in the browser's sound thread: the guest's frames go out, a microphone's come in.

import { SoundBuffer } from './sound-buffer.js';

// 20 ms
const BLOCK = 960;

class Player extends AudioWorkletProcessor {
	constructor() {
		super();
		this.buffer = new SoundBuffer();
		this.port.onmessage = ({ data }) => {
			if (data)
				this.buffer.put(data[0], data[1]);
			else
				this.buffer.finish();
		};
	}

	/** @param {Float32Array[][]} inputs @param {Float32Array[][]} outputs */
	process(inputs, [[left, right]]) {
		this.buffer.take(left, right ?? new Float32Array(left.length));
		return true;
	}
}

class Microphone extends AudioWorkletProcessor {
	constructor() {
		super();
		this.block = new Float32Array(BLOCK);
		this.at = 0;
	}

	/** @param {Float32Array[][]} inputs */
	process([[channel]]) {
		for (const sample of channel ?? []) {
			this.block[this.at++] = sample;
			if (this.at === BLOCK) {
				this.port.postMessage(this.block);
				this.at = 0;
			}
		}
		return true;
	}
}

registerProcessor('player', Player);
registerProcessor('microphone', Microphone);
