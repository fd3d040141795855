// SPDX-License-Identifier: GPL-2.0-or-later
// Files to the desktop and from it, over a WebSocket of their own. Who may is the server's to say; what happens is told to onChange.

import { BODY_MAX, frame, Kind, Parser, readHello, readNumber, readOffer, readSent, Result, sendFrame, tookFrame } from './files-wire.js';
import { saver } from './files-save.js';

// What may wait in the browser's own socket before more of a file is read.
const BUFFERED_MAX = 1024 * 1024;
const BUFFERED_WAIT_MS = 30;
const AGAIN_MS = 5000;

/** Results of our own, beside those of files-wire.js. */
export const Local = Object.freeze({ LOST: 100, UNREADABLE: 101, UNWRITABLE: 102, HERE: 103 });

/**
 * One file on its way.
 * @typedef {object} Transfer
 * @property {number} id
 * @property {boolean} out from the desktop
 * @property {string} name
 * @property {number} size
 * @property {number} done bytes that the other side has
 * @property {'offered' | 'waits' | 'flows' | 'over'} state
 * @property {boolean} begun it was sent, or taken
 * @property {number} result once it is over
 * @property {number} space bytes that are free in the desktop, with NO_SPACE
 */

/** @typedef {Transfer & {file: File, sent: number, acked: number, sending: boolean}} Sending */
/** @typedef {Transfer & {sink: import('./files-save.js').Sink | null, last: Promise<void>}} Taking */

/**
 * @param {object} options
 * @param {string} options.desktop
 * @param {(transfer: Transfer) => void} options.onChange it is new, has moved on, or is over
 */
export function createFiles({ desktop, onChange }) {
	/** @type {WebSocket | null} */
	let socket = null;
	/** @type {ReturnType<typeof readHello> | null} */
	let hello = null;
	let wanted = false;
	let againTimer = 0;
	let lastId = 0;
	/** @type {Map<number, Sending>} */
	const sendings = new Map();
	/** @type {Map<number, Taking>} */
	const takings = new Map();

	function open() {
		clearTimeout(againTimer);
		wanted = true;
		if (socket)
			return;
		const url = new URL(`/api/v1/desktops/${encodeURIComponent(desktop)}/files`, location.href);
		url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
		const mine = new WebSocket(url, ['binary']);
		const parser = new Parser();
		socket = mine;
		mine.binaryType = 'arraybuffer';
		mine.addEventListener('message', (event) => {
			if (socket !== mine)
				return;
			try {
				parser.feed(new Uint8Array(event.data)).forEach(take);
			} catch {
				drop();
			}
		});
		mine.addEventListener('close', () => {
			if (socket === mine)
				drop();
		});
	}

	function close() {
		wanted = false;
		clearTimeout(againTimer);
		drop();
	}

	/** Whatever is on its way is lost. One that was good is sought again, while the screen is there. */
	function drop() {
		const old = socket;
		if (wanted && hello)
			againTimer = setTimeout(open, AGAIN_MS);
		socket = hello = null;
		old?.close();
		for (const one of [...sendings.values(), ...takings.values()])
			end(one, Local.LOST);
	}

	/** @param {Uint8Array} bytes */
	const say = (bytes) => socket?.send(bytes);

	/** @param {Transfer} one @param {number} result @param {number} [space] */
	function end(one, result, space = 0) {
		if (one.state === 'over')
			return;
		one.state = 'over';
		one.result = result;
		one.space = space;
		if (one.out) {
			const taking = /** @type {Taking} */ (one);
			takings.delete(one.id);
			if (result !== Result.DONE)
				taking.sink?.abort();
		} else {
			sendings.delete(one.id);
		}
		onChange(one);
		startSending();
	}

	/** @param {import('./files-wire.js').Frame} one */
	function take(one) {
		const sending = sendings.get(one.id);
		switch (one.kind) {
			case Kind.HELLO:
				hello = readHello(one);
				startSending();
				break;
			case Kind.GO:
				if (sending) {
					sending.state = 'flows';
					pump(sending);
				}
				break;
			case Kind.MORE:
				if (sending) {
					sending.done = sending.acked += readNumber(one);
					onChange(sending);
					pump(sending);
				}
				break;
			case Kind.SENT:
				if (sending) {
					const { result, space } = readSent(one);
					end(sending, result, space);
				}
				break;
			case Kind.OFFER:
				offered(one);
				break;
			case Kind.CAME:
				came(one);
				break;
			case Kind.OVER:
				over(one);
				break;
			default:
				break;
		}
	}

	// --- to the desktop ---

	/** Files that move at once are the server's to count; others wait here. */
	function startSending() {
		if (!hello)
			return;
		let busy = [...sendings.values()].filter((one) => one.sending).length;
		for (const one of sendings.values()) {
			if (busy >= hello.atOnce)
				break;
			if (one.sending)
				continue;
			one.sending = true;
			busy++;
			say(sendFrame(one.id, one.size, one.name));
		}
	}

	/** @param {Sending & {pumping?: boolean}} one */
	async function pump(one) {
		if (one.pumping || !hello)
			return;
		one.pumping = true;
		while (one.state === 'flows' && hello && one.sent < one.size && one.sent - one.acked < hello.window) {
			const size = Math.min(BODY_MAX, one.size - one.sent, hello.window - (one.sent - one.acked));
			let bytes;
			try {
				bytes = new Uint8Array(await one.file.slice(one.sent, one.sent + size).arrayBuffer());
			} catch {
				bytes = null;
			}
			if (one.state !== 'flows')
				break;
			// It was removed or changed under us.
			if (bytes?.length !== size) {
				say(frame(Kind.CANCEL, one.id));
				end(one, Local.UNREADABLE);
				break;
			}
			say(frame(Kind.BYTES, one.id, bytes));
			one.sent += size;
			while (socket && socket.bufferedAmount > BUFFERED_MAX)
				await new Promise((resolve) => setTimeout(resolve, BUFFERED_WAIT_MS));
		}
		one.pumping = false;
	}

	/** @param {File} file */
	function send(file) {
		const id = ++lastId;
		/** @type {Sending} */
		const one = { id, out: false, name: file.name, size: file.size, done: 0, state: 'waits', begun: true, result: 0, space: 0, file, sent: 0, acked: 0, sending: false };
		sendings.set(id, one);
		onChange(one);
		open();
		startSending();
	}

	// --- from it ---

	/** @param {import('./files-wire.js').Frame} one */
	function offered(one) {
		const { size, name } = readOffer(one);
		/** @type {Taking} */
		const taking = { id: one.id, out: true, name, size, done: 0, state: 'offered', begun: false, result: 0, space: 0, sink: null, last: Promise.resolve() };
		takings.set(one.id, taking);
		onChange(taking);
	}

	/** @param {import('./files-wire.js').Frame} one */
	function came(one) {
		const taking = takings.get(one.id);
		if (!taking?.sink)
			return;
		const sink = taking.sink;
		taking.last = taking.last.then(async () => {
			if (taking.state !== 'flows')
				return;
			try {
				await sink.write(one.body);
			} catch {
				say(frame(Kind.STOP, taking.id));
				end(taking, Local.UNWRITABLE);
				return;
			}
			taking.done += one.body.length;
			say(tookFrame(taking.id, one.body.length));
			onChange(taking);
		});
	}

	/** @param {import('./files-wire.js').Frame} one */
	async function over(one) {
		const taking = takings.get(one.id);
		const result = one.body[0];
		if (!taking)
			return;
		await taking.last;
		try {
			if (result === Result.DONE && taking.state === 'flows')
				await taking.sink?.close();
		} catch {
			end(taking, Local.UNWRITABLE);
			return;
		}
		end(taking, result);
	}

	/** By a click: the browser asks the person where to. @param {Transfer} one */
	async function save(one) {
		const taking = takings.get(one.id);
		if (!taking || taking.state !== 'offered')
			return;
		const sink = await saver(taking.name, taking.size);
		// They thought better of it, or it was withdrawn while they chose.
		if (sink === 'cancelled')
			return;
		if (taking.state !== 'offered') {
			if (sink !== 'too-large')
				sink.abort();
			return;
		}
		if (sink === 'too-large') {
			say(frame(Kind.REFUSE, taking.id));
			end(taking, Local.HERE);
			return;
		}
		taking.sink = sink;
		taking.begun = true;
		taking.state = 'flows';
		say(frame(Kind.TAKE, taking.id));
		onChange(taking);
	}

	/** Whatever it is: refused, stopped, or not sent after all. @param {Transfer} one */
	function cancel(one) {
		if (one.state === 'over')
			return;
		if (one.out)
			say(frame(one.state === 'offered' ? Kind.REFUSE : Kind.STOP, one.id));
		else if (sendings.get(one.id)?.sending)
			say(frame(Kind.CANCEL, one.id));
		end(one, Result.CANCELLED);
	}

	return { open, close, send, save, cancel };
}
