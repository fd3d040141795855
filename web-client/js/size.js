// SPDX-License-Identifier: GPL-2.0-or-later
// Sizes in words, in the steps of 1024 in which admins write limits.

import { language } from './words.js';

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];

/** @param {number} bytes */
export function sizeText(bytes) {
	let unit = 0;
	for (; bytes >= 1024 && unit < UNITS.length - 1; unit++)
		bytes /= 1024;
	return new Intl.NumberFormat(language, { style: 'unit', unit: UNITS[unit], maximumFractionDigits: 1 }).format(bytes);
}
