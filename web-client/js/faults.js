// SPDX-License-Identifier: GPL-2.0-or-later
// What went wrong, as a sentence with a next step.

import { ApiError, LostError } from './api.js';
import { t } from './words.js';

/** @type {Record<string, string>} */
const byCode = {
	exhausted: 'fault.exhausted',
	busy: 'fault.busy',
	config: 'fault.config',
	denied: 'fault.denied',
	'not-found': 'fault.notFound',
	timeout: 'fault.timeout',
};

/**
 * @param {unknown} error
 * @param {string} [title] of the pool that was asked for
 * @returns {string}
 */
export function faultText(error, title = '') {
	if (error instanceof LostError)
		return navigator.onLine ? t('fault.lost') : t('fault.offline');
	if (error instanceof ApiError) {
		if (error.status === 429)
			return t('fault.tooMany', { seconds: error.wait || 60 });
		const key = byCode[error.code];
		if (key)
			return t(key, { pool: title });
		return error.message ? t('fault.said', { message: error.message.replace(/[.\s]+$/, '') }) : t('fault.other');
	}
	return t('fault.other');
}
