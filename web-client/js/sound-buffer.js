// SPDX-License-Identifier: GPL-2.0-or-later
// What has come and is not heard yet. It waits for a little before it begins, so that the network may be uneven; it waits longer where
// that was too little, and less where more lies here than is ever needed, which is how two clocks that differ stay together.

// In frames, 48 a millisecond.
const START = 1920;
const START_MAX = 7200;
const STEP = 480;
const CAPACITY = 24000;
// How long there must be more than is needed before some of it is left out.
const WATCH = 96000;

export class SoundBuffer {
	constructor() {
		this.left = new Float32Array(CAPACITY);
		this.right = new Float32Array(CAPACITY);
		this.at = 0;
		this.count = 0;
		this.start = START;
		this.playing = false;
		this.least = CAPACITY;
		this.watched = 0;
	}

	/**
	 * The oldest goes when there is no room.
	 * @param {Float32Array} left
	 * @param {Float32Array} right of the same length
	 */
	put(left, right) {
		for (let i = 0; i < left.length; i++) {
			const end = (this.at + this.count) % CAPACITY;
			this.left[end] = left[i];
			this.right[end] = right[i];
			if (this.count < CAPACITY)
				this.count++;
			else
				this.at = (this.at + 1) % CAPACITY;
		}
	}

	/** Nothing more comes for now: what is here is played to its end, and that is no fault of the buffer's. */
	finish() {
		this.playing = this.count > 0;
		this.finishing = true;
	}

	/**
	 * @param {Float32Array} left
	 * @param {Float32Array} right of the same length; both are filled, with silence where there is nothing
	 */
	take(left, right) {
		if (!this.playing && this.count >= this.start) {
			this.playing = true;
			this.finishing = false;
			this.least = CAPACITY;
			this.watched = 0;
		}
		for (let i = 0; i < left.length; i++) {
			const some = this.playing && this.count > 0;
			left[i] = some ? this.left[this.at] : 0;
			right[i] = some ? this.right[this.at] : 0;
			if (some) {
				this.at = (this.at + 1) % CAPACITY;
				this.count--;
			}
		}
		if (this.playing && this.count === 0)
			this.#runDry();
		else if (this.playing)
			this.#watch(left.length);
	}

	#runDry() {
		this.playing = false;
		if (!this.finishing)
			this.start = Math.min(this.start + STEP, START_MAX);
	}

	/** @param {number} frames */
	#watch(frames) {
		this.least = Math.min(this.least, this.count);
		this.watched += frames;
		if (this.watched < WATCH)
			return;
		// More than the start was never needed in all that time.
		const spare = Math.max(this.least - this.start, 0);
		this.at = (this.at + spare) % CAPACITY;
		this.count -= spare;
		if (this.least > STEP && this.start > START)
			this.start -= STEP;
		this.least = CAPACITY;
		this.watched = 0;
	}
}
