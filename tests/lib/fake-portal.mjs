// SPDX-License-Identifier: GPL-2.0-or-later
// A portal of straw for working on the pages: the REST interface of web-client/README.md with everything that can happen to a
// person, and the screen of a VNC server that is given. Run it: node tests/lib/fake-portal.mjs [--port N] [--vnc HOST:PORT]
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';

const WEB = join(dirname(fileURLToPath(import.meta.url)), '../../web-client');

export const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };

/** Accounts: password "carrel" each. otp asks for 123456; expired wants a new password; both in PAM's manner. */
const USERS = { demo1: {}, demo2: {}, admin: { admin: true }, empty: {}, otp: {}, expired: {} };

function certificate() {
	const folder = mkdtempSync(join(tmpdir(), 'fake-portal-'));
	try {
		execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1',
			'-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', join(folder, 'key'), '-out', join(folder, 'cert')], { stdio: 'ignore' });
		return { key: readFileSync(join(folder, 'key')), cert: readFileSync(join(folder, 'cert')) };
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/**
 * @param {{port?: number, vnc?: {host: string, port: number} | null, files?: string, bootMs?: number}} options files: a socket where
 * connections for files are served (tests/lib/files-peer)
 * @returns what a test may look at and disturb
 */
export async function startFakePortal({ port = 0, vnc = null, files = '', bootMs = 1500 } = {}) {
	const sessions = new Map();
	const conversations = new Map();
	const desktops = new Map();
	const screens = new Set();
	let counter = 1;

	const fake = {
		url: '', desktops, sessions, screens,
		agent: true,
		note: null,
		/** clone and boot take this long */
		bootMs,
		/** "busy" and "failed" answer so to every open; "lost" cuts every connection; "gone" refuses every screen */
		trouble: '',
		passSeconds: 30,
		/** How many wait before a person in the pool "queue". */
		ahead: 0,
		/** What is told of the time that is left, and how long saving a snapshot takes. @type {any} */
		limit: { ends: null, left: null, extend: 0, why: null },
		watch: null, // as GET desktops/ID tells it
		watchAnswers: [], // of the page
		idleLeft: null,
		monitors: 1,
		saveMs: 0,
		/** By id: what makeRecording of recording-file.mjs gives. @type {Map<string, any>} */
		recordings: new Map(),
		pools: [
			{ name: 'office', title: 'Office desktop', policy: { clipboard: 'both', sound: false, microphone: false } },
			{ name: 'lab', title: 'Security lab', policy: { clipboard: 'off' } },
			{ name: 'full', title: 'Design workstation', policy: { clipboard: 'both' }, fault: [409, 'exhausted', 'Max= is reached'] },
			{ name: 'broken', title: 'Old classroom', policy: { clipboard: 'both' }, state: 'broken', fault: [409, 'config', 'old.pool:3: no such image'] },
			{ name: 'own', title: 'Workstation', policy: { clipboard: 'both' }, kind: 'persistent' },
			{ name: 'exam', title: 'Exam', policy: { clipboard: 'both' }, kind: 'lab', snapshots: 2 },
			{ name: 'queue', title: 'Computer room', policy: { clipboard: 'both' } },
			...(files ? [{ name: 'files', title: 'Desk with files', policy: { clipboard: 'both', files: 'both', 'file-max': 50 * 2 ** 20 } }] : []),
		],
		requests: [],
		/** Ends every screen: a close code, or 0 to cut the TCP connection. */
		cut(code) {
			for (const screen of screens)
				code === 0 ? screen.terminate() : screen.close(code, '');
		},
		close() {
			fake.cut(0);
			server.closeAllConnections();
			return new Promise((resolve) => server.close(resolve));
		},
	};

	const server = createServer(certificate(), (request, response) => {
		if (fake.trouble === 'lost')
			return request.socket.destroy();
		const { pathname } = new URL(request.url, 'https://x');
		if (pathname.startsWith('/api/v1/'))
			return rest(request, response, pathname.slice('/api/v1/'.length));
		serveFile(response, pathname);
	});

	function serveFile(response, pathname) {
		const file = normalize(join(WEB, pathname === '/' ? 'index.html' : pathname));
		const known = file.startsWith(WEB) && TYPES[extname(file)] && statSync(file, { throwIfNoEntry: false })?.isFile();
		response.writeHead(known ? 200 : 404, { 'Content-Type': TYPES[extname(file)] ?? 'text/plain', 'Content-Security-Policy': POLICY, 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-cache' });
		known ? createReadStream(file).pipe(response) : response.end('not found');
	}

	async function rest(request, response, path) {
		let text = '';
		for await (const part of request)
			text += part;
		fake.requests.push(`${request.method} ${path}`);
		const answer = (status, body, fields = {}) => {
			response.writeHead(status, { 'Content-Type': 'application/json', ...fields });
			response.end(body === undefined ? '' : JSON.stringify(body));
		};
		const refuse = (status, code, message) => answer(status, { error: { code, message } });
		const body = text === '' ? {} : JSON.parse(text);
		const key = userKey(request);
		const user = sessions.get(key);

		if (path === 'sign-in' || path.startsWith('sign-in/'))
			return signIn(path, body, answer, refuse);
		if (!user)
			return refuse(401, 'denied', 'Not signed in');
		if (path === 'me')
			return answer(200, { user, admin: USERS[user].admin === true, vnc: '127.0.0.1:5999' });
		if (path.startsWith('recordings/')) {
			const [, id, data] = path.split('/');
			const recording = fake.recordings.get(id);
			if (!USERS[user].admin || !recording)
				return refuse(recording ? 403 : 404, recording ? 'denied' : 'not-found', 'No recording for you');
			if (!data) {
				const { bytes, chunks, markers, length } = recording;
				return answer(200, { id, pool: 'office', desktop: 'office-0a1b2c3d', user: 'demo1', title: 'test', started: 1764532800, length, size: bytes.length,
					input: false, complete: true, chunks, markers });
			}
			const [first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')?.slice(1).map(Number) ?? [];
			// A server may give less than it was asked for.
			const part = recording.bytes.subarray(first, Math.min(last + 1, first + 5000));
			if (part.length === 0)
				return refuse(416, 'invalid', 'Nothing there');
			response.writeHead(206, { 'Content-Type': 'application/octet-stream', 'Content-Range': `bytes ${first}-${first + part.length - 1}/${recording.bytes.length}` });
			return response.end(part);
		}
		if (path === 'sessions')
			return answer(200, [...sessions].filter(([, one]) => one === user).map(([one]) => ({ id: idOf(one), kind: 'portal', address: '192.0.2.1',
				created: Math.floor(Date.now() / 1000) - 60, seen: Math.floor(Date.now() / 1000), current: one === key, desktops: [...desktops.values()].filter((desktop) => desktop.user === user).map(({ id }) => id) })));
		if (request.method === 'DELETE' && path.startsWith('sessions/')) {
			const [found] = [...sessions].find(([one, name]) => name === user && `sessions/${idOf(one)}` === path) ?? [];
			sessions.delete(found);
			return found ? answer(200, {}) : refuse(404, 'not-found', 'No such session');
		}
		if (path === 'sign-out') {
			for (const [one, name] of sessions)
				if (one === key || (body.everywhere && name === user))
					sessions.delete(one);
			for (const [id, desktop] of desktops)
				if (desktop.user === user)
					desktops.delete(id);
			return answer(204, undefined, { 'Set-Cookie': '__Host-carrel=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0' });
		}
		if (path === 'pools')
			return answer(200, user === 'empty' ? [] : fake.pools.map(({ fault, kind, snapshots, ...pool }) => ({ ...pool, desktop: brief(held(user, pool.name)) })));
		const open = /^pools\/([^/]+)\/open$/.exec(path);
		if (open)
			return openDesktop(open[1], user, answer, refuse);
		const [, id, rest] = /^desktops\/([^/]+)(\/.*)?$/.exec(path) ?? [];
		const desktop = desktops.get(id);
		if (!desktop || desktop.user !== user)
			return refuse(404, 'not-found', 'No such desktop');
		if (rest === '/reset') {
			desktops.delete(id);
			return answer(202, {});
		}
		if (rest === '/restart' || rest === '/stop') {
			desktop.since = Date.now();
			desktop.off = rest === '/stop';
			return answer(202, {});
		}
		if (rest === '/watch/answer') {
			fake.watchAnswers.push(body.yes);
			fake.watch = body.yes ? { state: 'watched', who: fake.watch.who } : null;
			return answer(202, {});
		}
		if (rest === '/extend') {
			if (!fake.limit.extend)
				return refuse(409, 'exhausted', 'No more time');
			fake.limit = { ...fake.limit, left: fake.limit.left + fake.limit.extend, extend: 0 };
			return answer(200, fake.limit);
		}
		if (rest?.startsWith('/snapshots'))
			return snapshot(request.method, rest.split('/').slice(2), desktop, body, answer, refuse);
		if (rest === '/console.vv') {
			response.writeHead(200, { 'Content-Type': 'application/x-virt-viewer' });
			return response.end('[virt-viewer]\ntype=spice\n');
		}
		if (rest === '/vnc') {
			const [name, password] = ['0123456789abcdef0123456789abcdef', `${(counter++).toString(16).padStart(8, '0')}`.repeat(6)];
			return answer(200, { address: '127.0.0.1', port: 5999, user: `ticket:${name}`, password, expires: fake.passSeconds,
				uri: `vnc://127.0.0.1:5999?VncUsername=ticket%3A${name}&VncPassword=${password}`, ca: '-----BEGIN CERTIFICATE-----\n' });
		}
		return answer(200, view(desktop));
	}

	async function snapshot(method, [name, verb], desktop, body, answer, refuse) {
		const saved = desktop.snapshots;
		const found = saved.findIndex((one) => one.name === name);
		if (name === undefined) {
			if (saved.length >= (fake.pools.find((pool) => pool.name === desktop.pool).snapshots ?? 0))
				return refuse(409, 'exhausted', 'No more');
			await new Promise((resolve) => setTimeout(resolve, fake.saveMs));
			saved.push({ name: body.name, created: Math.floor(Date.now() / 1000) });
			return answer(201, saved.at(-1));
		}
		if (found < 0)
			return refuse(404, 'not-found', 'No such snapshot');
		if (verb === 'revert' && method === 'POST') {
			desktop.reverted = name;
			fake.cut(1012);
			return answer(202, {});
		}
		saved.splice(found, 1);
		return answer(204, undefined);
	}

	function signIn(path, body, answer, refuse) {
		const id = path.slice('sign-in/'.length);
		const welcome = (user) => {
			const key = `s${counter++}-${Math.random()}`;
			sessions.set(key, user);
			answer(200, { user, admin: USERS[user].admin === true }, { 'Set-Cookie': `__Host-carrel=${key}; Path=/; Secure; HttpOnly; SameSite=Strict` });
		};
		const ask = (user, round, messages, fields) => {
			const next = `c${counter++}`;
			conversations.set(next, { user, round });
			answer(200, { prompt: { id: next, messages, fields } });
		};
		if (id === '') {
			if (!Object.hasOwn(USERS, body.user) || body.password !== 'carrel')
				return refuse(401, 'denied', 'Sign-in failed');
			if (body.user === 'otp')
				return ask('otp', 1, [], [{ label: 'One-time password (OATH) for `otp\': ', echo: false }]);
			if (body.user === 'expired')
				return ask('expired', 1, ['You are required to change your password immediately (password expired).'], [{ label: 'New password: ', echo: false }]);
			return welcome(body.user);
		}
		const told = conversations.get(id);
		conversations.delete(id);
		if (!told)
			return refuse(404, 'not-found', 'No such conversation');
		if (told.user === 'otp')
			return body.answers[0] === '123456' ? welcome('otp') : refuse(401, 'denied', 'Sign-in failed');
		if (told.round === 1)
			conversations.chosen = body.answers[0];
		if (told.round === 2 && body.answers[0] !== conversations.chosen)
			return answer(401, { error: { code: 'denied', message: 'The password was not changed.', messages: ['Sorry, passwords do not match.'] } });
		if (told.round === 1)
			return ask('expired', 2, [], [{ label: 'Retype new password: ', echo: false }]);
		return welcome('expired');
	}

	const idOf = (key) => key.split('-')[0];
	const held = (user, pool) => [...desktops.values()].find((desktop) => desktop.user === user && desktop.pool === pool) ?? null;
	const brief = (desktop) => desktop && (({ id, state, step, usable, kind, queue }) => ({ id, state, step, usable, kind, queue }))(view(desktop));

	function view(desktop) {
		const { id, pool, off } = desktop;
		const queue = pool === 'queue' && fake.ahead > 0 ? { place: fake.ahead, waiting: fake.ahead + 4 } : null;
		if (queue)
			desktop.since = Date.now();
		const { since } = desktop;
		const ms = Date.now() - since;
		const part = ms / (fake.bootMs || 1);
		// As with a real one: there is a screen to see before the desktop is up.
		const usable = part >= 0.6 && !off && !queue;
		const { title, policy, kind = 'floating', snapshots = 0 } = fake.pools.find(({ name }) => name === pool);
		return {
			id, pool, title, policy, kind, queue, limit: fake.limit, 'idle-left': fake.idleLeft, watch: fake.watch, snapshots: desktop.snapshots, 'snapshots-max': snapshots, monitors: fake.monitors,
			state: fake.trouble === 'failed' ? 'failed' : off ? 'off' : usable ? 'assigned' : kind === 'persistent' ? 'starting' : 'cloning',
			step: queue ? 'Waiting for a place' : part >= 1 ? 'Ready' : part < 0.2 ? 'Cloning' : part < 0.4 ? 'Booting' : 'Waiting for the agent',
			usable: usable && fake.trouble !== 'failed', agent: part >= 1 && fake.agent,
			note: fake.trouble === 'failed' ? 'libvirt: no space left on the storage pool' : fake.note, elapsed: ms / 1000,
		};
	}

	function openDesktop(name, user, answer, refuse) {
		const pool = fake.pools.find((one) => one.name === name);
		if (!pool)
			return refuse(404, 'not-found', 'No such pool');
		if (pool.fault)
			return refuse(...pool.fault);
		if (fake.trouble === 'busy')
			return refuse(503, 'busy', 'libvirt is away');
		let desktop = held(user, name);
		if (!desktop) {
			desktop = { id: `${name}-${(0x10000000 + counter++).toString(16)}`, pool: name, user, since: Date.now(), off: false, snapshots: [] };
			desktops.set(desktop.id, desktop);
		}
		if (desktop.off)
			Object.assign(desktop, { off: false, since: Date.now() });
		const { state, step, usable, queue } = view(desktop);
		answer(usable ? 200 : 202, { desktop: desktop.id, state, step, usable, queue });
	}

	function userKey(request) {
		return /__Host-carrel=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
	}

	const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'binary' });
	server.on('upgrade', (request, socket, head) => {
		const [, id, what] = /^\/api\/v1\/desktops\/([^/]+)\/(screen|files)$/.exec(request.url) ?? [];
		const desktop = desktops.get(id);
		const status = fake.trouble === 'lost' ? 0 : !sessions.has(userKey(request)) ? 401 : request.headers.origin !== fake.url ? 403 : !desktop ? 404 : !vnc || fake.trouble === 'gone' ? 503 : 101;
		if (status !== 101)
			return status === 0 ? socket.destroy() : socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
		sockets.handleUpgrade(request, socket, head, (screen) => relay(screen, what === 'files' ? connect(files) : connect(vnc.port, vnc.host)));
	});

	function relay(screen, server) {
		screens.add(screen);
		screen.on('message', (data) => server.write(data));
		screen.on('close', () => {
			screens.delete(screen);
			server.destroy();
		});
		screen.on('error', () => server.destroy());
		server.on('data', (data) => screen.send(data));
		server.on('close', () => screen.close(1012));
		server.on('error', () => screen.close(1011));
	}

	await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
	fake.url = `https://127.0.0.1:${server.address().port}`;
	return fake;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const option = (name) => process.argv[process.argv.indexOf(name) + 1 || process.argv.length];
	const vnc = option('--vnc')?.split(':');
	const fake = await startFakePortal({ port: Number(option('--port') ?? 15400), vnc: vnc ? { host: vnc[0], port: Number(vnc[1]) } : null, bootMs: 4000 });
	console.log(`${fake.url}\naccounts: ${Object.keys(USERS).join(', ')}; the password is "carrel", the one-time password 123456`);
}
