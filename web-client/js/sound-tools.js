// SPDX-License-Identifier: GPL-2.0-or-later
// The tool bar's buttons for sound and microphone, and a sentence on what is off and why.

import { el } from './dom.js';
import { toolIcon } from './tool-icons.js';
import { t } from './words.js';

/** What needs no word is not in here. */
const speakerText = /** @type {Record<string, string>} */ ({ blocked: 'sound.blocked', unsupported: 'sound.unsupported', off: 'sound.off', absent: 'sound.absent' });
const microphoneText = /** @type {Record<string, string>} */ ({ on: 'mic.on', heard: 'mic.heard', denied: 'mic.denied', none: 'mic.none', unsupported: 'mic.unsupported' });

/**
 * @param {ReturnType<typeof import('./sound.js').createSound>} sound
 * @returns {HTMLElement[]}
 */
export function createSoundTools(sound) {
	const text = el('p', { class: 'bar-hint bar-sound', id: 'bar-sound', role: 'status' });
	const speaker = tool('speaker', t('sound.speaker'), () => sound.toggleSpeaker());
	const microphone = tool('microphone', t('mic.label'), () => sound.toggleMicrophone());

	/**
	 * @param {import('./tool-icons.js').ToolIcon} name
	 * @param {string} label
	 * @param {() => void} onClick
	 */
	function tool(name, label, onClick) {
		const button = el('button', { type: 'button', class: 'tool', 'aria-describedby': 'bar-sound', on: { click() {
			if (button.getAttribute('aria-disabled') !== 'true')
				onClick();
		} } }, toolIcon(name), el('span', {}, label));
		return button;
	}

	/**
	 * @param {HTMLElement} button
	 * @param {boolean} on
	 * @param {boolean} possible
	 */
	function show(button, on, possible) {
		button.setAttribute('aria-pressed', String(on));
		button.setAttribute('aria-disabled', String(!possible));
		button.classList.toggle('off', !on);
	}

	sound.watch(() => {
		const heard = sound.speaker();
		const spoken = sound.microphone();
		show(speaker, heard === 'on', heard === 'on' || heard === 'muted' || heard === 'blocked');
		speaker.dataset.state = heard;
		show(microphone, spoken === 'on' || spoken === 'heard', spoken !== 'unsupported');
		microphone.hidden = spoken === 'hidden';
		microphone.dataset.state = spoken;
		const sentences = [speakerText[heard], microphoneText[spoken]].filter(Boolean).map((key) => t(key)).join(' ');
		if (text.textContent !== sentences)
			text.textContent = sentences;
		text.hidden = sentences === '';
	});
	return [speaker, microphone, text];
}
