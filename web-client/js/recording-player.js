// SPDX-License-Identifier: GPL-2.0-or-later
// Plays a recording: fetches its bytes by range, proves them, and gives each record to the screen when its time has come.

import { ApiError, LostError, request } from './api.js';
import { chunkAt, HASH_SIZE, isRecording, MAGIC_SIZE, RecordReader } from './recording-file.js';
import { openChunk } from './recording-screen.js';

const PART = 512 * 1024;
const RETRIES_MS = [200, 800, 2500];
// Longer than that without a change, and it is passed over; a moment of it is left, so that one sees that there was one.
const IDLE_MS = 1500;
const IDLE_LEFT_MS = 400;
const TICK_MS = 40;
// Between two breaths of the page, while it catches up.
const BATCH = 40;

/**
 * @typedef {object} RecordingInfo the answer of GET recordings/ID
 * @property {string} id
 * @property {string} pool
 * @property {string} desktop
 * @property {string} user
 * @property {number} started UTC seconds
 * @property {number} length ms
 * @property {number} size
 * @property {boolean} input
 * @property {boolean} complete
 * @property {[number, number][]} chunks
 * @property {[number, number, string][]} markers
 */

/**
 * @param {string} id
 * @param {number} first
 * @param {number} size
 * @param {AbortSignal} signal
 * @returns {Promise<Uint8Array>} fewer bytes at the end; none behind it
 */
export async function fetchPart(id, first, size, signal) {
	for (const wait of [...RETRIES_MS, 0]) {
		try {
			const response = await request('GET', `recordings/${encodeURIComponent(id)}/data`, { signal, range: [first, first + size - 1] });
			return new Uint8Array(await response.arrayBuffer());
		} catch (error) {
			if (error instanceof ApiError && error.status === 416)
				return new Uint8Array(0);
			// A network that blinks shall not end the replay; a body that is cut is neither of our classes.
			if (signal.aborted || error instanceof ApiError || wait === 0)
				throw error;
			await new Promise((resolve) => setTimeout(resolve, wait));
		}
	}
	throw new LostError('no answer');
}

/**
 * @param {object} options
 * @param {HTMLElement} options.mount
 * @param {RecordingInfo} options.info
 * @param {string} options.label of the picture
 * @param {AbortSignal} options.signal
 * @param {(ms: number) => void} options.onTime
 * @param {(playing: boolean) => void} options.onPlaying
 * @param {(busy: boolean) => void} options.onBusy it seeks, or waits for the network
 * @param {(error: unknown, ms: number) => void} options.onFault it was changed, or cannot be had
 */
export function createPlayer({ mount, info, label, signal, onTime, onPlaying, onBusy, onFault }) {
	let position = 0;
	let speed = 1;
	let skipIdle = true;
	let playing = false;
	let timer = 0;
	let lastTick = 0;
	let turn = 0;
	/** @type {Promise<unknown>} one after the other: a seek waits for the step that is under way */
	let work = Promise.resolve();
	/** @type {Awaited<ReturnType<typeof openChunk>>[]} the last one is fed */
	let layers = [];
	/** @type {RecordReader | null} */
	let reader = null;
	let offset = 0;
	let ended = false;
	/** shown since the reader began */
	let pictures = 0;
	/** @type {import('./recording-file.js').Rec | null} read, and not yet due */
	let ahead = null;

	/** The first record follows from nothing, so that the first chunk's hash is known to be right. */
	async function prove() {
		const first = info.chunks[0]?.[1] ?? info.size;
		const bytes = await fetchPart(info.id, 0, Math.min(first, PART), signal);
		const start = new RecordReader(new Uint8Array(HASH_SIZE));
		if (!isRecording(bytes))
			throw new Error('this is no recording');
		start.push(bytes.subarray(MAGIC_SIZE));
		while (await start.next())
			;
	}

	/** @param {number} chunk */
	async function open(chunk) {
		const at = info.chunks[chunk][1];
		const bytes = await fetchPart(info.id, at - HASH_SIZE, PART, signal);
		reader = new RecordReader(bytes.slice(0, HASH_SIZE));
		reader.push(bytes.subarray(HASH_SIZE));
		offset = at - HASH_SIZE + bytes.length;
		ended = false;
		ahead = null;
		pictures = 0;
	}

	/** @returns {Promise<import('./recording-file.js').Rec | null>} null: that was the last */
	async function peek() {
		while (!ahead && reader && !ended) {
			ahead = await reader.next();
			if (ahead) {
				// Behind it is the way to the index, which is no record.
				ended = ahead.type === 'E';
				break;
			}
			const bytes = await fetchPart(info.id, offset, PART, signal);
			offset += bytes.length;
			ended = bytes.length === 0;
			reader.push(bytes);
		}
		return ahead;
	}

	/** @param {import('./recording-file.js').Rec} record */
	async function apply(record) {
		if (record.type === 'C') {
			layers.push(await openChunk(mount, record.bytes, label));
		} else if (record.type === 'S' && layers.length > 0) {
			layers[layers.length - 1].give(record.bytes);
			pictures++;
			// The picture before stays until this one is there.
			layers[layers.length - 1].show();
			for (const old of layers.splice(0, layers.length - 1))
				old.dispose();
		}
	}

	/** Everything up to @ms. @param {number} ms @param {number} mine */
	async function advance(ms, mine) {
		for (let n = 1; ; n++) {
			const record = await peek();
			// The first picture is a moment younger than the recording: there is none before it.
			if (!record || (record.ms > ms && pictures > 0) || mine !== turn)
				return;
			ahead = null;
			await apply(record);
			if (n % BATCH === 0)
				await new Promise((resolve) => setTimeout(resolve));
		}
	}

	/** @param {(mine: number) => Promise<void>} task */
	function enqueue(task) {
		const mine = turn;
		work = work.then(async () => {
			if (mine !== turn || signal.aborted)
				return;
			try {
				await task(mine);
			} catch (error) {
				if (!signal.aborted && mine === turn) {
					setPlaying(false);
					onFault(error, position);
				}
			}
		});
		return work;
	}

	/** @param {boolean} on */
	function setPlaying(on) {
		clearTimeout(timer);
		if (playing !== on) {
			playing = on;
			onPlaying(on);
		}
		if (on) {
			lastTick = performance.now();
			timer = setTimeout(tick, TICK_MS);
		}
	}

	function tick() {
		const begun = turn;
		enqueue(async (mine) => {
			const now = performance.now();
			const record = await peek();
			if (mine !== turn || !playing)
				return;
			position += (now - lastTick) * speed;
			lastTick = now;
			if (record && skipIdle && record.ms - position > IDLE_MS)
				position = record.ms - IDLE_LEFT_MS;
			await advance(position, mine);
			const over = !(await peek());
			if (over)
				position = info.length;
			onTime(position);
			if (over)
				setPlaying(false);
		}).then(() => {
			if (playing && begun === turn && !signal.aborted)
				timer = setTimeout(tick, TICK_MS);
		});
	}

	/** @param {number} ms */
	function seek(ms) {
		const begun = ++turn;
		clearTimeout(timer);
		const target = Math.min(Math.max(0, ms), info.length);
		const wasAt = position;
		const wanted = playing;
		position = target;
		onTime(position);
		onBusy(true);
		return enqueue(async (mine) => {
			const chunk = chunkAt(info.chunks, target);
			if (chunk < 0)
				return;
			// Forward within what is being read goes on from there.
			if (!reader || target < wasAt || info.chunks[chunk][0] > wasAt || (ended && !ahead))
				await open(chunk);
			await advance(target, mine);
		}).then(() => {
			if (signal.aborted || begun !== turn)
				return;
			onBusy(false);
			if (wanted)
				setPlaying(true);
		});
	}

	signal.addEventListener('abort', () => {
		clearTimeout(timer);
		for (const layer of layers)
			layer.dispose();
		layers = [];
	});

	return {
		start: () => enqueue(prove).then(() => seek(0)),
		/** @param {number} ms */
		seek,
		/** @param {number} value */
		setSpeed(value) {
			speed = value;
		},
		/** @param {boolean} on */
		setSkipIdle(on) {
			skipIdle = on;
		},
		toggle() {
			if (!playing && position >= info.length)
				seek(0).then(() => setPlaying(true));
			else
				setPlaying(!playing);
		},
		get position() {
			return position;
		},
	};
}
