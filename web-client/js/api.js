// SPDX-License-Identifier: GPL-2.0-or-later
// REST under /api/v1/. Every request has a deadline; every failure is one of two classes.

const DEADLINE_MS = 30_000;

/** The server answered, and said no. */
export class ApiError extends Error {
	/**
	 * @param {number} status
	 * @param {string} code a lower-case word, as broker/common/error.h has them
	 * @param {string} message
	 */
	constructor(status, code, message) {
		super(message);
		this.status = status;
		this.code = code;
		/** @type {string[]} what PAM says to a person who could not change an expired password */
		this.messages = [];
		/** seconds until it may help to try again; 0: not told */
		this.wait = 0;
	}
}

/** Nobody answered: no network, no gateway, or no broker behind it. */
export class LostError extends Error {
	/**
	 * @param {string} message
	 * @param {boolean} reached the gateway was there: only what stands behind it is away
	 */
	constructor(message, reached = false) {
		super(message);
		this.reached = reached;
	}
}

/** Called when a request finds that nobody is signed in any more. Set by main.js. */
export const session = {
	onEnd: () => {},
	/** A better reason than that it expired, where one is known. */
	why: '',
};

/**
 * @typedef {object} Call
 * @property {unknown} [body] sent as JSON
 * @property {AbortSignal} [signal]
 * @property {number} [deadlineMs]
 * @property {boolean} [signingIn] a 401 is an answer, not the end of the session
 * @property {[number, number]} [range] first and last byte that are wanted
 */

/**
 * @param {string} method
 * @param {string} path below /api/v1/
 * @param {Call} [call]
 * @returns {Promise<Response>} only of a success
 */
export async function request(method, path, { body, signal, deadlineMs = DEADLINE_MS, signingIn, range } = {}) {
	const deadline = AbortSignal.timeout(deadlineMs);
	/** @type {RequestInit} */
	const init = { method, credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: either(deadline, signal) };
	if (body !== undefined) {
		init.headers = { 'Content-Type': 'application/json' };
		init.body = JSON.stringify(body);
	}

	if (range)
		init.headers = { Range: `bytes=${range[0]}-${range[1]}` };

	let response;
	try {
		response = await fetch(`/api/v1/${path}`, init);
	} catch (error) {
		if (signal?.aborted)
			throw error;
		throw new LostError(String(error));
	}
	if (response.ok)
		return response;

	const error = await readError(response);
	if (response.status === 401 && !signingIn)
		session.onEnd();
	if (error.code === '' && [502, 503, 504].includes(response.status))
		throw new LostError(error.message, true);
	throw error;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Call} [call]
 * @returns {Promise<any>} the decoded answer; null when it is empty
 */
export async function api(method, path, call) {
	const response = await request(method, path, call);
	let text;
	try {
		text = await response.text();
	} catch (error) {
		if (call?.signal?.aborted)
			throw error;
		throw new LostError(String(error));
	}
	try {
		return text === '' ? null : JSON.parse(text);
	} catch {
		throw new ApiError(response.status, 'protocol', 'The answer could not be read.');
	}
}

/** @param {Response} response */
async function readError(response) {
	let error;
	try {
		({ error } = await response.json());
	} catch {
		// Not ours: a proxy's page, or an answer that was cut. The status has to do.
	}
	const fault = new ApiError(response.status, String(error?.code ?? '').toLowerCase(), String(error?.message ?? response.statusText));
	if (Array.isArray(error?.messages))
		fault.messages = error.messages.map(String);
	fault.wait = Number(response.headers.get('Retry-After')) || 0;
	return fault;
}

/**
 * AbortSignal.any is younger than the browsers that we want to serve.
 * @param {AbortSignal} deadline
 * @param {AbortSignal} [signal]
 */
function either(deadline, signal) {
	if (!signal)
		return deadline;
	if (signal.aborted || deadline.aborted)
		return AbortSignal.abort();
	const both = new AbortController();
	for (const one of [deadline, signal])
		one.addEventListener('abort', () => both.abort(one.reason), { once: true });
	return both.signal;
}
