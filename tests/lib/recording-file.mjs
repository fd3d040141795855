// SPDX-License-Identifier: GPL-2.0-or-later
// A recording as display/recording.h tells it, of a screen that is one colour after the other, for tests of the page.
import { createHash } from 'node:crypto';

const WIDTH = 64;
const HEIGHT = 48;

/** RFB's ServerInit (RFC 6143, 7.3.2): 32 bits a pixel, red first. */
function serverInit() {
	const init = Buffer.alloc(24 + 4);
	init.writeUInt16BE(WIDTH, 0);
	init.writeUInt16BE(HEIGHT, 2);
	Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16]).copy(init, 4);
	init.writeUInt32BE(4, 20);
	init.write('test', 24);
	return init;
}

/** A FramebufferUpdate of one raw rectangle. @param {number[]} colour */
function picture([red, green, blue]) {
	const head = Buffer.alloc(16);
	head.writeUInt16BE(1, 2);
	head.writeUInt16BE(WIDTH, 8);
	head.writeUInt16BE(HEIGHT, 10);
	return Buffer.concat([head, Buffer.alloc(WIDTH * HEIGHT * 4, Buffer.from([red, green, blue, 0]))]);
}

/**
 * @param {{ms: number, colour: number[], chunk?: boolean}[]} pictures the first begins a chunk
 * @param {number} length ms
 */
export function makeRecording(pictures, length) {
	const parts = [Buffer.from('CarrelR1')];
	let hash = Buffer.alloc(32);
	let size = 8;
	const chunks = [];
	const markers = [];
	const put = (type, ms, payload) => {
		const head = Buffer.alloc(16);
		head.write(type);
		head.writeUInt32BE(payload.length, 4);
		head.writeBigUInt64BE(BigInt(ms), 8);
		createHash('sha256').update(head).digest().copy(head, 1, 0, 3);
		hash = createHash('sha256').update(hash).update(head).update(payload).digest();
		if (type === 'C')
			chunks.push([ms, size]);
		if (type === 'J' || type === 'L')
			markers.push([ms, size, type]);
		parts.push(head, payload, hash);
		size += head.length + payload.length + hash.length;
	};
	put('A', 0, Buffer.from('desktop=office-0a1b2c3d\npool=office\nuser=demo1\ntitle=test\nstarted=1764532800000\ninput=no\n'));
	for (const { ms, colour, chunk } of pictures) {
		if (chunk || chunks.length === 0)
			put('C', ms, serverInit());
		put('S', ms, picture(colour));
		if (chunks.length === 1 && markers.length === 0)
			put('J', ms, Buffer.from('client=x\nprotocol=vnc\nuser=demo1\naddress=192.0.2.1\n'));
	}
	put('L', length, Buffer.from('client=x\nwhy=it closed\n'));
	return { bytes: Buffer.concat(parts), chunks, markers, length };
}

/** What a portal tells of a file that carrel-screen wrote. @param {Buffer} bytes */
export function readRecording(bytes) {
	const chunks = [];
	const markers = [];
	let length = 0;
	for (let at = 8; at + 16 <= bytes.length;) {
		const type = String.fromCharCode(bytes[at]);
		length = Number(bytes.readBigUInt64BE(at + 8));
		if (type === 'C')
			chunks.push([length, at]);
		else if (type === 'J' || type === 'L')
			markers.push([length, at, type]);
		at += 16 + bytes.readUInt32BE(at + 4) + 32;
		if (type === 'E')
			break;
	}
	return { bytes, chunks, markers, length };
}
