// SPDX-License-Identifier: GPL-2.0-or-later
// The web client's decisions, words and files, without a browser.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createHash, webcrypto } from 'node:crypto';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { retryDelay, verdict } from '../../web-client/js/closing.js';
import { directions } from '../../web-client/js/clipboard.js';
import { frame, Kind, Parser, readOffer, sendFrame } from '../../web-client/js/files-wire.js';
import { guestSize } from '../../web-client/js/guest-size.js';
import { pixelAt, readMonitors, sameMonitors, sideBySide, sizeMessage } from '../../web-client/js/monitors.js';
import { watchWayOut } from '../../web-client/js/keys.js';
import { chunkAt, clock, ChangedError, HASH_SIZE, isRecording, lineOf, RecordReader } from '../../web-client/js/recording-file.js';
import { parseRoute, poolOf, routeHash } from '../../web-client/js/routes.js';
import { sizeText } from '../../web-client/js/size.js';
import { SoundBuffer } from '../../web-client/js/sound-buffer.js';
import { createParser, heard, hello, listen, talk, voice } from '../../web-client/js/sound-wire.js';
import { typedKeys } from '../../web-client/js/touch-keyboard.js';
import { isSnapshotName, nextName } from '../../web-client/js/snapshots.js';
import { markOf, notice, timeText } from '../../web-client/js/time-left.js';
import { chooseLanguage, loadMoreWords, stepText, t } from '../../web-client/js/words.js';
import { words as enFirst } from '../../web-client/js/words-en.js';
import { words as enMore } from '../../web-client/js/words-en-more.js';
import { words as frFirst } from '../../web-client/js/words-fr.js';
import { words as frMore } from '../../web-client/js/words-fr-more.js';

const en = { ...enFirst, ...enMore };
const fr = { ...frFirst, ...frMore };
await loadMoreWords();

const top = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const web = join(top, 'web-client');
const own = readdirSync(join(web, 'js')).map((name) => join(web, 'js', name));
const source = new Map(own.map((file) => [relative(web, file), readFileSync(file, 'utf8')]));
const walk = (folder) => readdirSync(folder).flatMap((name) => {
	const file = join(folder, name);
	return statSync(file).isDirectory() ? walk(file) : [file];
});

test('the first retry after a lost screen comes within half a second, and none later than 12 s', () => {
	for (const random of [0, 0.5, 1]) {
		assert.ok(retryDelay(0, random) <= 500);
		for (let attempt = 0; attempt < 100; attempt++)
			assert.ok(retryDelay(attempt, random) <= 12_000);
		assert.ok(retryDelay(7, random) > retryDelay(2, random));
	}
});

test('a lost way is sought again, a decision is told', () => {
	for (const code of [1000, 1001, 1002, 1005, 1006, 1011, 1012, 1013, 1015, 4999])
		assert.equal(verdict(code).retry, true, String(code));
	const titles = new Set();
	for (const code of [4001, 4003, 4008, 4009, 4010, 4011]) {
		const found = verdict(code);
		assert.equal(found.retry, false, String(code));
		assert.ok(en[found.title] && en[found.text]);
		titles.add(found.title);
	}
	assert.equal(titles.size, 6);
});

test('a guest takes the window’s whole pixels', () => {
	assert.deepEqual(guestSize(1280, 720, 1), { w: 1280, h: 720 });
	assert.deepEqual(guestSize(1033.4, 777.9, 1), { w: 1033, h: 777 });
	assert.deepEqual(guestSize(1024, 576, 1.25), { w: 1280, h: 720 });
	assert.deepEqual(guestSize(1163.636, 654.545, 1.1), { w: 1280, h: 720 });
	assert.deepEqual(guestSize(100_000, 100_000, 3), { w: 8192, h: 8192 });
});

test('a window too small for a desktop gets one in its proportions', () => {
	const { w, h } = guestSize(390, 844, 1);
	assert.equal(w, 640);
	assert.ok(Math.abs(w / h - 390 / 844) < 0.01);
	assert.deepEqual(guestSize(0, 0, 1), { w: 640, h: 480 });
	assert.deepEqual(guestSize(NaN, 5, 1), { w: 640, h: 480 });
});

test('a clipboard policy opens only its directions', () => {
	assert.deepEqual(directions('both'), { toDesktop: true, fromDesktop: true });
	assert.deepEqual(directions('to-desktop'), { toDesktop: true, fromDesktop: false });
	assert.deepEqual(directions('from-desktop'), { toDesktop: false, fromDesktop: true });
	assert.deepEqual(directions('off'), { toDesktop: false, fromDesktop: false });
	assert.deepEqual(directions('something new'), { toDesktop: false, fromDesktop: false });
});

test('a size is told in words', () => {
	assert.equal(sizeText(1024 * 1024), '1 MB');
	assert.equal(sizeText(1536), '1.5 kB');
	assert.equal(sizeText(100), '100 byte');
	assert.equal(sizeText(5 * 2 ** 40), '5 TB');
});

test('frames of files are the same however their bytes are cut', () => {
	const offer = sendFrame(7, 2 ** 33 + 5, 'é.pdf');
	offer[4] = Kind.OFFER;
	const bytes = new Uint8Array([...offer, ...frame(Kind.CAME, 7, new Uint8Array([1, 2, 3])), ...frame(Kind.OVER, 7, new Uint8Array([0]))]);
	for (let step = 1; step <= bytes.length; step++) {
		const parser = new Parser();
		const frames = [];
		for (let at = 0; at < bytes.length; at += step)
			frames.push(...parser.feed(bytes.slice(at, at + step)));
		assert.deepEqual(frames.map(({ kind, id }) => [kind, id]), [[Kind.OFFER, 7], [Kind.CAME, 7], [Kind.OVER, 7]]);
		assert.deepEqual(readOffer(frames[0]), { size: 2 ** 33 + 5, name: 'é.pdf' });
		assert.deepEqual([...frames[1].body], [1, 2, 3]);
	}
	for (const size of [0, 4, 0x10006, 0xffffffff]) {
		const wrong = new Uint8Array(9);
		new DataView(wrong.buffer).setUint32(0, size);
		assert.throws(() => new Parser().feed(wrong), String(size));
	}
});

test('an address survives its way through the fragment, and a strange one leads to the list', () => {
	for (const route of [{ page: 'portal' }, { page: 'open', pool: 'office' }, { page: 'desktop', id: 'office-0a1b2c3d' },
		{ page: 'recording', id: 'office.20261130T200000Z.0123456789abcdef' }])
		assert.deepEqual(parseRoute(routeHash(route)), route);
	for (const hash of ['', '#', '#/desktop/', '#/desktop/../x', '#/desktop/a/b', '#/desktop/%2e', '#/open/a b', '#/no/such', '#/recording/office', '#/recording/../../me', '#/desktop/' + 'a'.repeat(65)])
		assert.deepEqual(parseRoute(hash), { page: 'portal' }, hash);
	assert.equal(poolOf('lab-a-0a1b2c3d'), 'lab-a');
	assert.equal(poolOf('nonsense'), null);
});

/** As display/recording.c writes them. */
function writeRecords(records) {
	let hash = Buffer.alloc(HASH_SIZE);
	const parts = [];
	for (const [type, ms, text] of records) {
		const payload = Buffer.from(text);
		const head = Buffer.alloc(16);
		head.write(type);
		head.writeUInt32BE(payload.length, 4);
		head.writeBigUInt64BE(BigInt(ms), 8);
		createHash('sha256').update(head).digest().copy(head, 1, 0, 3);
		hash = createHash('sha256').update(hash).update(head).update(payload).digest();
		parts.push(head, payload, hash);
	}
	return new Uint8Array(Buffer.concat(parts));
}

async function readAll(bytes, step) {
	const reader = new RecordReader(new Uint8Array(HASH_SIZE));
	const found = [];
	for (let at = 0; at < bytes.length; at += step) {
		reader.push(bytes.slice(at, at + step));
		for (let record = await reader.next(); record; record = await reader.next())
			found.push([record.type, record.ms, new TextDecoder().decode(record.bytes)]);
	}
	return found;
}

test('a recording is read however its bytes come, and a changed byte is found', async () => {
	globalThis.crypto ??= webcrypto;
	const records = [['A', 0, 'user=anna\npool=x\n'], ['C', 5, 'init'], ['S', 7, ''], ['S', 4294967299, 'picture']];
	const bytes = writeRecords(records);
	for (const step of [1, 7, 64, bytes.length])
		assert.deepEqual(await readAll(bytes, step), records, String(step));
	for (let at = 0; at < bytes.length; at++) {
		const changed = bytes.slice();
		changed[at] ^= 1;
		await assert.rejects(readAll(changed, bytes.length), ChangedError, String(at));
	}
	assert.equal(isRecording(new TextEncoder().encode('CarrelR1')), true);
	assert.equal(isRecording(new TextEncoder().encode('CarrelR2')), false);
	assert.equal(lineOf(new TextEncoder().encode('user=anna\npool=x\n'), 'pool'), 'x');
});

test('to seek leads to the chunk that holds the time', () => {
	const chunks = [[10, 8], [60000, 100], [120000, 200]];
	assert.deepEqual([0, 10, 59999, 60000, 119999, 999999].map((ms) => chunkAt(chunks, ms)), [0, 0, 0, 1, 1, 2]);
	assert.equal(chunkAt([], 5), -1);
	assert.equal(clock(3723999), '1:02:03');
});

test('the way out wants its three keys alone, and waits until they are up', () => {
	let fired = 0;
	const watch = watchWayOut(() => fired++);
	const event = (type, key, held) => watch({ type, key, ctrlKey: held.includes('c'), altKey: held.includes('a'), shiftKey: held.includes('s') });
	event('keydown', 'Control', 'c');
	event('keydown', 'Alt', 'ca');
	event('keydown', 'Shift', 'cas');
	event('keyup', 'Shift', 'ca');
	event('keyup', 'Alt', 'c');
	assert.equal(fired, 0);
	event('keyup', 'Control', '');
	assert.equal(fired, 1);
	event('keydown', 'Control', 'c');
	event('keydown', 'Alt', 'ca');
	event('keydown', 'Shift', 'cas');
	event('keydown', 'F3', 'cas');
	event('keyup', 'F3', 'cas');
	event('keyup', 'Shift', 'ca');
	event('keyup', 'Alt', 'c');
	event('keyup', 'Control', '');
	assert.equal(fired, 1);
});

test('monitors are said and heard as RFB has them', () => {
	const two = sideBySide({ w: 1024, h: 768 }, { w: 800, h: 600 });
	assert.deepEqual(two, [{ id: 0, x: 0, y: 0, w: 1024, h: 768 }, { id: 1, x: 1024, y: 0, w: 800, h: 600 }]);
	const said = sizeMessage(two);
	assert.deepEqual([...said.subarray(0, 8)], [251, 0, 7, 32, 3, 0, 2, 0]);
	assert.equal(said.length, 40);
	const heard = new Uint8Array([2, 0, 0, 0, ...said.subarray(8)]);
	assert.ok(sameMonitors(readMonitors(heard), two));
	assert.ok(!sameMonitors(two, sideBySide({ w: 1024, h: 768 }, null)));
	assert.deepEqual(readMonitors(new Uint8Array([0, 0, 0, 0])), []);
});

test('a point of a window is the pixel of the desktop that is seen there', () => {
	const monitor = { id: 1, x: 1024, y: 10, w: 800, h: 600 };
	assert.deepEqual(pixelAt({ width: 800, height: 600 }, monitor, 0, 0), { x: 1024, y: 10 });
	assert.deepEqual(pixelAt({ width: 800, height: 600 }, monitor, 799.9, 599.9), { x: 1823, y: 609 });
	// Twice as large, with bars at the sides.
	assert.deepEqual(pixelAt({ width: 2000, height: 1200 }, monitor, 200, 0), { x: 1024, y: 10 });
	assert.deepEqual(pixelAt({ width: 2000, height: 1200 }, monitor, 203, 5), { x: 1025, y: 12 });
	assert.deepEqual(pixelAt({ width: 2000, height: 1200 }, monitor, 3, -5), { x: 1024, y: 10 });
	assert.deepEqual(pixelAt({ width: 2000, height: 1200 }, monitor, 1999, 1300), { x: 1823, y: 609 });
});

test('a touch keyboard’s changes become keys', () => {
	assert.deepEqual(typedKeys('ab', 'abc'), [0x63]);
	assert.deepEqual(typedKeys('ab', 'a'), [0xff08]);
	assert.deepEqual(typedKeys('teh', 'the'), [0xff08, 0xff08, 0x68, 0x65]);
	assert.deepEqual(typedKeys('', 'é€漢\n'), [0xe9, 0x010020ac, 0x01006f22, 0xff0d]);
	assert.deepEqual(typedKeys('x😀', 'x'), [0xff08]);
});

test('a person’s first known language is taken', () => {
	assert.equal(chooseLanguage(['de-CH', 'fr-CH', 'en']), 'fr');
	assert.equal(chooseLanguage(['en-GB', 'fr']), 'en');
	assert.equal(chooseLanguage(['de']), 'en');
	assert.equal(chooseLanguage(['toString', 'constructor']), 'en');
	assert.equal(chooseLanguage([]), 'en');
});

test('steps are translated, unknown ones shown as they came', () => {
	assert.equal(stepText('Booting'), t('step.booting'));
	assert.equal(stepText('Waiting for the agent'), t('step.agent'));
	assert.equal(stepText('Polishing'), 'Polishing');
	assert.equal(stepText(null), t('step.preparing'));
	assert.equal(t('step.time', { step: 'A', seconds: 3 }), 'A… 3 s');
});

test('an end is told at 15, 5 and 1 minutes, and in seconds after that', () => {
	assert.deepEqual([1000, 901, 900, 301, 300, 61, 60, 1, 0].map(markOf), [null, null, 900, 900, 300, 300, 60, 60, 60]);
	assert.deepEqual([899.2, 300, 241, 61, 60, 59.5, 59, 0, -3].map(timeText),
		['15 minutes', '5 minutes', '5 minutes', '2 minutes', '1 minute', '1 minute', '59 seconds', '0 seconds', '0 seconds']);
	assert.equal(notice(null, null, null), null);
	assert.equal(notice(2000, 'session', null), null);
	assert.equal(notice(200, 'session', null)?.text, 'time.session');
	assert.equal(notice(200, 'schedule', 100)?.text, 'time.schedule');
	assert.equal(notice(null, null, 61), null);
	assert.deepEqual(notice(200, 'session', 30), { text: 'time.idle', left: 30, mark: 60 });
	assert.equal(notice(20, 'session', 30)?.text, 'time.session');
});

test('a snapshot’s name is what the server takes, and the next one is free', () => {
	for (const name of ['a', 'before-exam', '1.2_3-4', 'a'.repeat(32)])
		assert.equal(isSnapshotName(name), true, name);
	for (const name of ['', '-a', '.a', '_a', 'a b', 'a/b', 'é', 'a'.repeat(33), 'a\n'])
		assert.equal(isSnapshotName(name), false, name);
	assert.equal(nextName([]), 'save-1');
	assert.equal(nextName([{ name: 'save-1', created: 0 }, { name: 'save-3', created: 0 }]), 'save-2');
	assert.ok(isSnapshotName(nextName([])));
});

test('sound messages are found however the stream is cut', () => {
	const stream = Uint8Array.from([0, 3, 1, 1, 1, 0, 2, 2, 5, 0, 7, 3, 0, 1, 0, 2, 8, 9, 0, 2, 9, 9, 0, 2, 2, 0]);
	const expected = [{ type: 'hello', mayTalk: true }, { type: 'state', playing: true, recorded: false, absent: true },
		{ type: 'packet', number: 65538, data: Uint8Array.from([8, 9]) }, { type: 'state', playing: false, recorded: false, absent: false }];
	for (let step = 1; step <= stream.length; step++) {
		const parse = createParser();
		const found = [];
		for (let at = 0; at < stream.length; at += step)
			found.push(...parse(stream.slice(at, at + step).buffer));
		assert.deepEqual(found, expected, `${step} bytes at a time`);
	}
	for (const bad of [[0, 0], [255, 255], [0, 3, 1, 2, 0]])
		assert.throws(() => createParser()(Uint8Array.from(bad).buffer));
});

test('sound messages to the desktop are as its header has them', () => {
	assert.deepEqual([...hello(), ...listen(true), ...talk(false), ...voice(Uint8Array.from([7, 8])), ...heard(0xfedcba98)],
		[0, 2, 1, 1, 0, 2, 2, 1, 0, 2, 3, 0, 0, 3, 4, 7, 8, 0, 5, 5, 0xfe, 0xdc, 0xba, 0x98]);
});

/** Frames 1, 2, 3 … of a side. */
function frames(from, n) {
	return Float32Array.from({ length: n }, (_, i) => from + i);
}

test('sound waits until the network may be uneven, and then comes in order', () => {
	const buffer = new SoundBuffer();
	const left = new Float32Array(128);
	const right = new Float32Array(128);
	buffer.put(frames(1, 1919), frames(-1, 1919));
	buffer.take(left, right);
	assert.ok(left.every((one) => one === 0));
	buffer.put(frames(1920, 1), frames(-1920, 1));
	buffer.take(left, right);
	assert.deepEqual([left[0], left[127], right[0]], [1, 128, -1]);
	for (let i = 0; i < 15; i++)
		buffer.take(left, right);
	// It ran dry: it waits longer the next time.
	buffer.put(frames(1, 1920), frames(1, 1920));
	buffer.take(left, right);
	assert.equal(left[0], 0);
	buffer.put(frames(1921, 480), frames(1921, 480));
	buffer.take(left, right);
	assert.equal(left[0], 1);
});

test('the end of a sound shorter than the wait is heard, and teaches nothing', () => {
	const buffer = new SoundBuffer();
	const side = new Float32Array(128);
	buffer.put(frames(1, 200), frames(1, 200));
	buffer.finish();
	buffer.take(side, side);
	assert.equal(side[127], 128);
	buffer.take(side, side);
	assert.deepEqual([side[71], side[72]], [200, 0]);
	buffer.put(frames(1, 1920), frames(1, 1920));
	buffer.take(side, side);
	assert.equal(side[0], 1);
});

test('sound that lies longer than is ever needed is left out, and never more than half a second is kept', () => {
	const buffer = new SoundBuffer();
	const side = new Float32Array(480);
	buffer.put(frames(0, 30_000), frames(0, 30_000));
	assert.equal(buffer.count, 24_000);
	for (let i = 0; i < 400; i++) {
		buffer.put(frames(0, 480), frames(0, 480));
		buffer.take(side, side);
	}
	assert.ok(buffer.count < 4000, String(buffer.count));
});

test('every word is in both languages, with the same places', () => {
	assert.deepEqual(Object.keys(frFirst), Object.keys(enFirst));
	assert.deepEqual(Object.keys(frMore), Object.keys(enMore));
	assert.deepEqual(Object.keys(enFirst).filter((key) => key in enMore), []);
	const places = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
	for (const key of Object.keys(en)) {
		assert.ok(en[key].trim() && fr[key].trim(), key);
		assert.deepEqual(places(fr[key]), places(en[key]), key);
	}
});

test('no word is missing and none is unused', () => {
	const used = new Set();
	for (const [file, text] of source) {
		if (file.startsWith('js/words-'))
			continue;
		for (const [, key] of text.matchAll(/'([a-z]+\.[A-Za-z0-9]+)'/g))
			used.add(key);
	}
	for (const name of ['carrel.sharp', 'carrel.mute', 'viewer.css', 'recording.css', 'ca.pem', 'monitor.html'])
		used.delete(name);
	assert.deepEqual([...used].filter((key) => !(key in en)), [], 'missing');
	assert.deepEqual(Object.keys(en).filter((key) => !used.has(key)), [], 'unused');
});

const notInstalled = /Makefile\.inc$|(?:web-client|novnc)\/README\.md$|web-client\/package\.json$/;

test('every file is installed, and every installed file is there', () => {
	const listed = readFileSync(join(web, 'Makefile.inc'), 'utf8').match(/web-client\/[^\s)]+/g).filter((name) => !notInstalled.test(name));
	const there = walk(web).map((file) => relative(top, file)).filter((name) => !notInstalled.test(name));
	assert.deepEqual([...new Set(listed)].sort(), there.sort());
});

test('every import leads to a file', () => {
	for (const file of walk(web).filter((name) => name.endsWith('.js')))
		for (const [, to] of readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g))
			assert.ok(existsSync(resolve(dirname(file), to)), `${relative(top, file)}: ${to}`);
});

test('nothing in the pages needs a weaker content security policy', () => {
	const html = readFileSync(join(web, 'index.html'), 'utf8');
	assert.doesNotMatch(html, /\sstyle=|<style|\son\w+=|javascript:|https?:/);
	assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)/);
	for (const [file, text] of source)
		assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\('style'/, file);
	assert.doesNotMatch(readFileSync(join(web, 'style.css'), 'utf8'), /@import|url\(/);
});

/** What is loaded before anything is fetched on demand. @param {string} file @param {Set<string>} [seen] */
function follow(file, seen = new Set()) {
	if (seen.has(file))
		return seen;
	seen.add(file);
	for (const [, to] of readFileSync(file, 'utf8').matchAll(/^import .*?from '(\.[^']+)'/gm))
		follow(resolve(dirname(file), to), seen);
	return seen;
}

test('the first page needs none of the words that come later', () => {
	const used = new Set();
	for (const file of follow(join(web, 'js/main.js')))
		for (const [, key] of readFileSync(file, 'utf8').matchAll(/'([a-z]+\.[A-Za-z0-9]+)'/g))
			used.add(key);
	assert.deepEqual([...used].filter((key) => key in enMore), []);
});

test('the portal is small: under 60 KiB before the viewer is loaded', () => {
	const seen = follow(join(web, 'js/main.js'));
	const files = [...seen, join(web, 'index.html'), join(web, 'style.css'), join(web, 'icon.svg')];
	assert.ok(![...seen].some((file) => file.includes('novnc') || file.endsWith('viewer.js')));
	for (const language of ['words-en.js', 'words-fr.js']) {
		const size = [...files, join(web, 'js', language)].reduce((sum, file) => sum + statSync(file).size, 0);
		assert.ok(size < 60 * 1024, `${language}: ${size} bytes`);
	}
});
