// SPDX-License-Identifier: GPL-2.0-or-later
// The icons of the viewer's tools, which come with it; those of the first pages are in index.html.

import { icon } from './dom.js';

const SVG = 'http://www.w3.org/2000/svg';

const paths = {
	full: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
	second: 'M2.5 6h11v9h-11zM15.5 6h6v9h-6M8 15v4M5 19h6',
	send: 'M12 15V4M7.5 8.5L12 4l4.5 4.5M5 15v5h14v-5',
	clip: 'M9 5H6v15h12V5h-3M9 3.5h6v3.5H9zM9 12h6M9 16h4',
	keys: 'M3 6.5h18v11H3zM7 10h.01M11 10h.01M15 10h.01M8 14h8',
	save: 'M4 8h4l1.5-2.5h5L16 8h4v11H4zM15.5 13a3.5 3.5 0 1 1-7 0 3.5 3.5 0 0 1 7 0z',
	speaker: 'M4 9.5v5h3.5L12 18V6L7.5 9.5zM15 9a4 4 0 0 1 0 6M17.5 6.5a7.5 7.5 0 0 1 0 11',
	microphone: 'M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3zM6 11.5a6 6 0 0 0 12 0M12 17.5V21M9 21h6',
	sharp: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z',
};

/** @typedef {keyof typeof paths | 'chevron' | 'out'} ToolIcon */

/** @param {ToolIcon} name */
export function toolIcon(name) {
	if (name === 'chevron' || name === 'out')
		return icon(name);
	const svg = document.createElementNS(SVG, 'svg');
	const path = document.createElementNS(SVG, 'path');
	svg.setAttribute('class', 'icon');
	svg.setAttribute('viewBox', '0 0 24 24');
	svg.setAttribute('aria-hidden', 'true');
	path.setAttribute('d', paths[name]);
	svg.append(path);
	return svg;
}
