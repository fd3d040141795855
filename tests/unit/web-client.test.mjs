// SPDX-License-Identifier: GPL-2.0-or-later
// The web client's decisions, words and files, without a browser.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { retryDelay, verdict } from '../../web-client/js/closing.js';
import { directions } from '../../web-client/js/clipboard.js';
import { frame, Kind, Parser, readOffer, sendFrame } from '../../web-client/js/files-wire.js';
import { guestSize } from '../../web-client/js/guest-size.js';
import { watchWayOut } from '../../web-client/js/keys.js';
import { parseRoute, poolOf, routeHash } from '../../web-client/js/routes.js';
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
	for (const code of [4001, 4003, 4008, 4009, 4010]) {
		const found = verdict(code);
		assert.equal(found.retry, false, String(code));
		assert.ok(en[found.title] && en[found.text]);
		titles.add(found.title);
	}
	assert.equal(titles.size, 5);
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
	for (const route of [{ page: 'portal' }, { page: 'open', pool: 'office' }, { page: 'desktop', id: 'office-0a1b2c3d' }])
		assert.deepEqual(parseRoute(routeHash(route)), route);
	for (const hash of ['', '#', '#/desktop/', '#/desktop/../x', '#/desktop/a/b', '#/desktop/%2e', '#/open/a b', '#/no/such', '#/desktop/' + 'a'.repeat(65)])
		assert.deepEqual(parseRoute(hash), { page: 'portal' }, hash);
	assert.equal(poolOf('lab-a-0a1b2c3d'), 'lab-a');
	assert.equal(poolOf('nonsense'), null);
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
	for (const name of ['carrel.sharp', 'viewer.css', 'ca.pem'])
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
