// SPDX-License-Identifier: GPL-2.0-or-later
// A desktop of one's own is not thrown away: it is restarted, and turned off.

import { confirm, el, icon } from './dom.js';
import { t } from './words.js';

const verbs = [
	{ path: 'restart', icon: 'reset', label: 'power.restart', hint: 'power.restartHint', title: 'power.restartTitle', done: 'power.restartDone' },
	{ path: 'stop', icon: 'power', label: 'power.stop', hint: 'power.stopHint', title: 'power.stopTitle', done: 'power.stopDone' },
];

/**
 * @param {HTMLElement} way is filled
 * @param {string} pool its title
 * @param {(path: string, done: string) => void} run asks the server for it, and says then what was done
 */
export function fillPowerWay(way, pool, run) {
	/** @param {typeof verbs[0]} verb */
	async function ask(verb) {
		const sure = await confirm({
			title: t(verb.title, { pool }),
			text: [t('power.restartText')],
			yes: t(verb.label),
			no: t('power.no'),
			danger: true,
		});
		if (sure)
			run(verb.path, t(verb.done));
	}

	way.replaceChildren(...verbs.map((verb) => el('div', { class: 'way' },
		el('button', { type: 'button', class: 'button danger-quiet', on: { click: () => ask(verb) } }, icon(verb.icon), t(verb.label)),
		el('p', { class: 'hint' }, t(verb.hint)))));
}
