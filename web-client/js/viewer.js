// SPDX-License-Identifier: GPL-2.0-or-later
// The screen of a desktop: connects, comes back by itself when the way was lost, and brings tool bar and clipboard together.

import { api, ApiError, LostError, session } from './api.js';
import { createClipboard } from './clipboard.js';
import { retryDelay, verdict } from './closing.js';
import { el } from './dom.js';
import { createFilesPanel } from './files-panel.js';
import { watchWayOut } from './keys.js';
import { createLostPanel } from './lost.js';
import { createNotes } from './notes.js';
import { openScreen } from './screen.js';
import { createSecondMonitor } from './second-monitor.js';
import { createSnapshots } from './snapshots.js';
import { createSound } from './sound.js';
import { createTimeLeft } from './time-left.js';
import { createToolbar } from './toolbar.js';
import { createWatched } from './watched.js';
import { t } from './words.js';

const HANDSHAKE_MS = 15_000;
// A connection that lived this long was a good one: the next loss starts with a short wait again.
const GOOD_MS = 3000;
// How often the desktop's state is asked for while it is shown: fast until its agent has spoken.
const WATCH_FAST_MS = 2000;
const WATCH_MS = 10_000;
const WATCH_DEADLINE_MS = 6000;
const FAST_WATCHES = 45;

/**
 * @param {object} options
 * @param {HTMLElement} options.stage
 * @param {string} options.id
 * @param {string} options.title
 * @param {{clipboard?: string, sound?: boolean, microphone?: boolean, files?: string, 'file-max'?: number} | undefined} options.policy
 * @param {import('./desktop.js').DesktopState} options.first
 * @param {(state: 'connected' | 'reconnecting') => void} options.setState
 * @param {() => void} options.onConnect the first picture is there
 * @param {() => void} options.onNotUsable it has to be waited for again
 * @param {() => void} options.onGone
 * @param {(verdict: import('./closing.js').Verdict) => void} options.onEnd
 * @param {() => void} options.onLeave
 */
export function createViewer(options) {
	const { stage, id, title, policy, first } = options;
	const gone = new AbortController();
	const mount = el('div', { class: 'mount', data: { label: t('viewer.screen', { title }) } });
	const spoken = el('p', { class: 'hidden', role: 'status' });
	const wayOut = el('p', { class: 'hidden', id: 'way-out' }, t('viewer.wayOut'));
	/** @type {import('./screen.js').Screen | null} */
	let screen = null;
	let attempt = 0;
	let connectedAt = 0;
	let everConnected = false;
	let retryTimer = 0;
	let watchTimer = 0;
	let watches = 0;
	let silent = 0;

	const notes = createNotes(stage);
	const lost = createLostPanel(stage, () => connect());
	const clipboard = createClipboard({
		policy: policy?.clipboard,
		max: first.policy?.['clipboard-max'],
		send: (text) => screen?.paste(text),
		show: (text) => toolbar.showClipboard(text),
		onState(state) {
			toolbar.clipboardState(state);
			notes.offerClipboard(state === 'ask' && everConnected, () => clipboard.ask());
		},
	});
	const timeLeft = createTimeLeft({ box: notes.box, desktop: id, gone: gone.signal, onDone: () => screen?.focus() });
	const second = createSecondMonitor({
		title,
		pixelRatio: () => toolbar.pixelRatio(),
		screen: () => screen,
		onState: (open) => toolbar.secondMonitor(open),
		onBlocked: () => notes.tell(t('second.blocked')),
	});
	const watched = createWatched({ box: notes.box, desktop: id, gone: gone.signal, onDone: () => screen?.focus() });
	const snapshots = createSnapshots({ desktop: id, gone: gone.signal });
	const sound = createSound({ desktop: id, policy, gone: gone.signal });
	const files = createFilesPanel({ stage, box: notes.box, desktop: id, policy, gone: gone.signal, onDone: () => screen?.focus() });
	const toolbar = createToolbar({
		title, clipboard, stage, snapshots, sound, sendFiles: files.button,
		press(keys) {
			screen?.press(keys);
			screen?.focus();
		},
		type: (keysym) => screen?.type(keysym),
		onRatio(ratio) {
			screen?.followWindow(ratio);
			second.follow();
		},
		onSecond: () => second.toggle(),
		onScreen: () => screen?.focus(),
		onLeave() {
			dispose();
			options.onLeave();
		},
	});
	const recorded = el('div', { role: 'status' });
	stage.append(el('h1', { class: 'hidden' }, title), toolbar.node, wayOut, spoken, mount, recorded);
	show(first);

	/** @param {import('./desktop.js').DesktopState} now */
	function show(now) {
		toolbar.agent(now.agent === true);
		toolbar.offerSecondMonitor((now.monitors ?? 1) > 1);
		if ((now.policy?.recorded === true) !== recorded.hasChildNodes())
			recorded.replaceChildren(...(now.policy?.recorded ? [el('p', { class: 'recorded' }, t('viewer.recorded'))] : []));
		notes.show(now);
		timeLeft.take(now);
		watched.take(now.watch);
		snapshots.take(now);
		toolbar.offerSnapshots();
	}

	function connect() {
		clearTimeout(retryTimer);
		screen?.leave();
		let connected = false;
		screen = openScreen({
			mount,
			desktop: id,
			pixelRatio: toolbar.pixelRatio(),
			deadlineMs: HANDSHAKE_MS,
			onConnect() {
				connected = true;
				connectedAt = performance.now();
				onConnect();
			},
			onLost(code) {
				screen = null;
				onLost(code, connected);
			},
			onClipboard: (text) => clipboard.take(text),
			second: second.wish(),
			onPicture: () => second.changed(),
		});
	}

	function onConnect() {
		silent = 0;
		sound.follow(true);
		mount.querySelector('.ghost')?.remove();
		lost.hide();
		clipboard.forget();
		options.setState('connected');
		if (!everConnected)
			toolbar.introduce();
		everConnected = true;
		options.onConnect();
		spoken.textContent = t('viewer.connected', { title });
		if (!toolbar.hasFocus())
			screen?.focus();
		clipboard.report();
		clipboard.onFocus();
		files.connected();
		watch();
	}

	/**
	 * @param {number} code
	 * @param {boolean} wasConnected
	 */
	async function onLost(code, wasConnected) {
		clearTimeout(watchTimer);
		sound.follow(false);
		files.lost();
		const found = verdict(code);
		if (wasConnected) {
			keepPicture();
			if (performance.now() - connectedAt > GOOD_MS)
				attempt = 0;
		}
		// A refused hand-shake says no code: ask what became of the desktop. A screen that was there is tried again at once.
		if (!found.retry || !wasConnected) {
			// An administrator's end of the session is told on the sign-in page too.
			session.why = code === 4010 ? t(found.text) : '';
			const fate = await askFate();
			if (gone.signal.aborted || screen)
				return;
			if (fate === 'gone' && (found.retry || found.next === 'reconnect'))
				return options.onGone();
			if (fate === 'waiting' && found.retry)
				return options.onNotUsable();
			if (!found.retry)
				return options.onEnd(code === 4008 ? { ...found, text: timeLeft.reason() ?? found.text } : found);
		}
		const wait = retryDelay(attempt++);
		options.setState('reconnecting');
		toolbar.close();
		lost.show(wait, attempt > 2);
		retryTimer = setTimeout(connect, wait);
	}

	/**
	 * A 401 is dealt with by the session's own handler, which ends this view.
	 * @returns {Promise<'there' | 'waiting' | 'gone' | 'unknown'>}
	 */
	async function askFate() {
		try {
			const now = await api('GET', `desktops/${encodeURIComponent(id)}`, { signal: gone.signal, deadlineMs: WATCH_DEADLINE_MS });
			return now.usable ? 'there' : 'waiting';
		} catch (error) {
			return error instanceof ApiError && error.status === 404 ? 'gone' : 'unknown';
		}
	}

	/** The last picture stays, dimmed, while the way is sought. */
	function keepPicture() {
		const live = /** @type {HTMLCanvasElement | null} */ (mount.querySelector('canvas:not(.ghost)'));
		if (!live || live.width === 0)
			return;
		const ghost = el('canvas', { class: 'ghost', width: live.width, height: live.height, 'aria-hidden': 'true' });
		ghost.getContext('2d')?.drawImage(live, 0, 0);
		mount.querySelector('.ghost')?.remove();
		mount.append(ghost);
	}

	/** Agent and notes change while the screen is shown; and a dead network says nothing by itself. */
	function watch() {
		clearTimeout(watchTimer);
		watchTimer = setTimeout(async () => {
			if (!document.hidden)
				await look();
			if (screen && !gone.signal.aborted)
				watch();
		}, !timeLeft.isUrgent() && !watched.isUrgent() && (toolbar.hasAgent() || watches > FAST_WATCHES) ? WATCH_MS : WATCH_FAST_MS);
	}

	async function look() {
		watches++;
		try {
			const now = await api('GET', `desktops/${encodeURIComponent(id)}`, { signal: gone.signal, deadlineMs: WATCH_DEADLINE_MS });
			silent = 0;
			if (now.agent && !toolbar.hasAgent())
				screen?.followWindow();
			show(now);
		} catch (error) {
			// A broker that restarts must not disturb; a network that swallowed two questions has swallowed the screen too.
			if (error instanceof LostError && !error.reached && ++silent >= 2)
				screen?.cut();
		}
	}

	const listen = { signal: gone.signal, capture: true };
	const onWayOut = watchWayOut(() => toolbar.toggleFocus());
	addEventListener('keydown', onWayOut, listen);
	addEventListener('keyup', onWayOut, listen);
	addEventListener('pointerdown', () => clipboard.onGesture(), listen);
	addEventListener('focus', (event) => {
		if (event.target === window || event.target === document) {
			clipboard.onFocus();
			screen?.followWindow();
		}
	}, listen);
	addEventListener('online', () => (screen ? look() : connect()), listen);
	addEventListener('offline', () => lost.offline(), listen);
	document.addEventListener('visibilitychange', () => {
		if (!document.hidden && screen)
			look();
	}, listen);

	// Without this page nobody draws there.
	addEventListener('pagehide', () => second.close(), { signal: gone.signal });

	function dispose() {
		gone.abort();
		second.close();
		clearTimeout(retryTimer);
		clearTimeout(watchTimer);
		screen?.leave();
		screen = null;
		toolbar.dispose();
		lost.hide();
	}

	connect();
	return { dispose };
}
