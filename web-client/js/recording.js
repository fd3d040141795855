// SPDX-License-Identifier: GPL-2.0-or-later
// The page of one recording, for administrators: the picture, and what one plays it with.

import { api, ApiError } from './api.js';
import { el } from './dom.js';
import { faultText } from './faults.js';
import { retryOf } from './lazy.js';
import { ChangedError, clock, HASH_SIZE, HEAD_SIZE, lineOf } from './recording-file.js';
import { createPlayer, fetchPart } from './recording-player.js';
import { language, t } from './words.js';

const SPEEDS = [1, 2, 4, 8];
const STEP_S = 10;
// What is told of who came and went.
const MARKERS_MAX = 100;
const MARKER_BYTES = 1024;

/**
 * @param {import('./main.js').Context} context
 * @param {{page: 'recording', id: string}} route
 * @returns {import('./main.js').View}
 */
export function renderRecording(context, route) {
	const gone = new AbortController();
	const stage = el('main', { class: 'replay' });
	context.root.append(stage);
	context.setState('replay', t('replay.title'));
	open();

	async function open() {
		stage.replaceChildren(el('p', { role: 'status' }, t('replay.loading')));
		try {
			/** @type {import('./recording-player.js').RecordingInfo} */
			const info = await api('GET', `recordings/${encodeURIComponent(route.id)}`, { signal: gone.signal });
			show(info);
		} catch (error) {
			if (!gone.signal.aborted)
				showFault(error);
		}
	}

	/** @param {unknown} error */
	function showFault(error) {
		const text = error instanceof ApiError && error.status === 403 ? t('replay.denied')
			: error instanceof ApiError && error.status === 404 ? t('replay.none') : faultText(error);
		stage.replaceChildren(el('div', { class: 'panel' },
			el('h1', { tabIndex: -1 }, t('replay.title')),
			el('p', { role: 'alert' }, text),
			el('div', { class: 'row' },
				el('button', { type: 'button', class: 'button primary', on: { click: retryOf(error, open) } }, t('portal.retry')),
				el('button', { type: 'button', class: 'button', on: { click: () => context.go({ page: 'portal' }) } }, t('desktop.back')))));
	}

	/** @param {import('./recording-player.js').RecordingInfo} info */
	function show(info) {
		const began = new Date(info.started * 1000);
		const mount = el('div', { class: 'replay-screen' });
		const said = el('p', { class: 'replay-said', role: 'status' }, info.complete ? t('replay.proved') : t('replay.cut'));
		const fault = el('p', { class: 'replay-fault', role: 'alert', hidden: true });
		const time = el('output', { class: 'replay-time' });
		const bar = el('input', { type: 'range', class: 'replay-bar', min: '0', max: String(Math.max(1, Math.ceil(info.length / 1000))),
			step: '1', value: '0', 'aria-label': t('replay.place'), on: {
				input: () => player.seek(Number(bar.value) * 1000),
			} });
		const play = el('button', { type: 'button', class: 'button primary', on: { click: () => player.toggle() } }, t('replay.play'));
		const speed = el('select', { class: 'input', id: 'replay-speed', on: { change: () => player.setSpeed(Number(speed.value)) } },
			SPEEDS.map((value) => el('option', { value: String(value) }, `${value}×`)));
		const skip = el('input', { type: 'checkbox', id: 'replay-skip', checked: true, on: { change: () => player.setSkipIdle(skip.checked) } });
		const markers = el('ol', { class: 'replay-markers' });
		const player = createPlayer({
			mount, info, label: t('replay.picture', { desktop: info.desktop }), signal: gone.signal,
			onTime: showTime,
			onPlaying(on) {
				play.textContent = on ? t('replay.pause') : t('replay.play');
			},
			onBusy(busy) {
				mount.setAttribute('aria-busy', String(busy));
			},
			onFault(error, ms) {
				fault.textContent = error instanceof ChangedError ? t('replay.changed', { time: clock(ms) }) : faultText(error);
				fault.hidden = false;
				if (error instanceof ChangedError)
					said.hidden = true;
			},
		});

		/** @param {number} ms */
		function showTime(ms) {
			const at = clock(ms);
			time.textContent = `${at} / ${clock(info.length)} · ${new Date(began.getTime() + ms).toLocaleString(language)}`;
			bar.value = String(Math.floor(ms / 1000));
			bar.setAttribute('aria-valuetext', t('replay.at', { time: at, length: clock(info.length) }));
		}

		/** @param {number} seconds */
		const step = (seconds) => player.seek(player.position + seconds * 1000);

		stage.replaceChildren(
			el('header', { class: 'replay-head' },
				el('h1', { tabIndex: -1 }, t('replay.of', { user: info.user, desktop: info.desktop })),
				el('p', {}, t('replay.about', { pool: info.pool, began: began.toLocaleString(language) }), ' ',
					info.input ? t('replay.input') : ''),
				said, fault),
			mount,
			el('div', { class: 'replay-controls', role: 'group', 'aria-label': t('replay.controls') },
				play,
				el('button', { type: 'button', class: 'button', on: { click: () => step(-STEP_S) } }, t('replay.backward', { seconds: STEP_S })),
				el('button', { type: 'button', class: 'button', on: { click: () => step(STEP_S) } }, t('replay.forward', { seconds: STEP_S })),
				el('label', { for: 'replay-speed' }, t('replay.speed')), speed,
				el('label', { class: 'replay-skip' }, skip, ' ', t('replay.skip')),
				bar, time),
			el('h2', {}, t('replay.markers')), markers);
		stage.querySelector('h1')?.focus();
		stage.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
			const target = /** @type {HTMLElement} */ (event.target);
			if (event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|SELECT|BUTTON)$/.test(target.tagName))
				return;
			if (event.key === ' ')
				player.toggle();
			else if (event.key === 'ArrowLeft')
				step(-STEP_S);
			else if (event.key === 'ArrowRight')
				step(STEP_S);
			else
				return;
			event.preventDefault();
		}, { signal: gone.signal });
		showTime(0);
		player.start();
		listMarkers(info, markers, (ms) => player.seek(ms)).catch(() => {});
	}

	/**
	 * @param {import('./recording-player.js').RecordingInfo} info
	 * @param {HTMLElement} list
	 * @param {(ms: number) => void} go
	 */
	async function listMarkers(info, list, go) {
		for (const [ms, offset, type] of info.markers.slice(0, MARKERS_MAX)) {
			const bytes = await fetchPart(info.id, offset, MARKER_BYTES, gone.signal);
			const size = bytes.length >= HEAD_SIZE ? new DataView(bytes.buffer).getUint32(4) : 0;
			const text = markerText(type, bytes.subarray(HEAD_SIZE, Math.min(bytes.length - HASH_SIZE, HEAD_SIZE + size)));
			if (text)
				list.append(el('li', {}, el('button', { type: 'button', class: 'button quiet small', on: { click: () => go(ms) } },
					`${clock(ms)} ${text}`)));
		}
	}

	/**
	 * @param {string} type
	 * @param {Uint8Array} bytes
	 */
	function markerText(type, bytes) {
		if (type === 'J')
			return t('replay.joined', { user: lineOf(bytes, 'user'), protocol: lineOf(bytes, 'protocol').toUpperCase(), address: lineOf(bytes, 'address') });
		if (type === 'L')
			return t('replay.left', { why: lineOf(bytes, 'why') });
		if (type === 'R' && bytes.length >= 4)
			return t('replay.resized', { width: bytes[0] << 8 | bytes[1], height: bytes[2] << 8 | bytes[3] });
		return '';
	}

	return { dispose: () => gone.abort() };
}
