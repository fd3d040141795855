// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses are in the fragment, so that any file server will do and a bookmark brings one back:
//   #/                 the list of desktops
//   #/open/POOL        opens a desktop of that pool
//   #/desktop/ID       that desktop
//   #/recording/ID     that recording, for administrators

/** @typedef {{page: 'portal'} | {page: 'open', pool: string} | {page: 'desktop', id: string} | {page: 'recording', id: string}} Route */

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
// POOL.TIME.RANDOM
const RECORDING = /^[a-z0-9-]{1,32}\.[0-9TZ]{16}\.[0-9a-f]{16}$/;

/**
 * @param {string} hash location.hash; anybody may have written it
 * @returns {Route}
 */
export function parseRoute(hash) {
	const [, page, name, more] = hash.replace(/^#/, '').split('/');
	if (more === undefined && NAME.test(name ?? '')) {
		if (page === 'open')
			return { page, pool: name };
		if (page === 'desktop')
			return { page, id: name };
	}
	if (more === undefined && page === 'recording' && RECORDING.test(name ?? ''))
		return { page, id: name };
	return { page: 'portal' };
}

/** @param {Route} route */
export function routeHash(route) {
	switch (route.page) {
	case 'open':
		return `#/open/${route.pool}`;
	case 'desktop':
		return `#/desktop/${route.id}`;
	case 'recording':
		return `#/recording/${route.id}`;
	default:
		return '#/';
	}
}

/**
 * Desktop ids are POOL-xxxxxxxx.
 * @param {string} id
 */
export function poolOf(id) {
	return /^(.+)-[0-9a-f]{8}$/.exec(id)?.[1] ?? null;
}
