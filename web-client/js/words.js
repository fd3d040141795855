// SPDX-License-Identifier: GPL-2.0-or-later
// Which language, and its words. A test finds words that are missing, unused, or that differ in their {places}.

/** @type {Record<string, () => Promise<{words: Record<string, string>}>>} */
const dictionaries = {
	en: () => import('./words-en.js'),
	fr: () => import('./words-fr.js'),
};

/** @type {Record<string, () => Promise<{words: Record<string, string>}>>} */
const more = {
	en: () => import('./words-en-more.js'),
	fr: () => import('./words-fr-more.js'),
};

/**
 * The first of the person's languages that there is a dictionary for.
 * @param {readonly string[]} wanted as in navigator.languages
 */
export function chooseLanguage(wanted) {
	for (const tag of wanted) {
		const base = tag.toLowerCase().split('-')[0];
		if (Object.hasOwn(dictionaries, base))
			return base;
	}
	return 'en';
}

export const language = chooseLanguage(globalThis.navigator?.languages ?? []);
// Only one is fetched.
const words = { ...(await dictionaries[language]()).words };

/** Words that the first page does without; before any part of lazy.js is used. */
export async function loadMoreWords() {
	Object.assign(words, (await more[language]()).words);
}

/**
 * @param {string} key
 * @param {Record<string, string | number>} [places] what stands where {name} is
 */
export function t(key, places = {}) {
	const text = words[key] ?? key;
	return text.replace(/\{(\w+)\}/g, (whole, name) => (name in places ? String(places[name]) : whole));
}

/** Steps that the broker names (pools/engine.h); one that is not known here is shown as it came. */
const steps = new Map([
	['waiting for a place', 'step.waiting'],
	['cloning', 'step.cloning'],
	['booting', 'step.booting'],
	['waiting for the agent', 'step.agent'],
	['ready', 'step.ready'],
	['resetting', 'step.resetting'],
]);

/** @param {string | null | undefined} step */
export function stepText(step) {
	if (!step)
		return t('step.preparing');
	const key = steps.get(step.toLowerCase());
	return key ? t(key) : step;
}
