// SPDX-License-Identifier: GPL-2.0-or-later
// User name and password, then whatever PAM asks on top: a code, a new password, as many rounds as it takes.

import { api, ApiError } from './api.js';
import { el, icon } from './dom.js';
import { faultText } from './faults.js';
import { t } from './words.js';

/**
 * @typedef {{id: string, messages: string[], fields: {label: string, echo: boolean}[]}} Prompt
 */

/**
 * @param {import('./main.js').Context} context
 * @param {string} said why the person is here
 * @param {boolean} isFault
 * @param {(me: import('./main.js').Me) => void} onSignedIn
 * @returns {import('./main.js').View}
 */
export function renderSignIn(context, said, isFault, onSignedIn) {
	const gone = new AbortController();
	const box = el('div', { class: 'signin-box' });
	context.setState('signed-out', t('signin.title'));
	context.root.append(el('main', { class: 'signin' },
		el('div', { class: 'signin-side' },
			scene(),
			el('p', { class: 'brand' }, 'Carrel'),
			el('p', { class: 'tagline' }, t('app.tagline'))),
		box));
	askPassword(said, isFault);

	/**
	 * @param {string} text
	 * @param {boolean} fault
	 */
	function askPassword(text, fault) {
		const user = input('user', { autocomplete: 'username', autocapitalize: 'none', spellcheck: false, required: true });
		const password = input('password', { type: 'password', autocomplete: 'current-password', required: true });
		show({
			title: t('signin.title'),
			text,
			fault,
			content: [labelled(t('signin.user'), user), labelled(t('signin.password'), withEye(password))],
			button: t('signin.button'),
			async submit() {
				if (user.value.trim() === '' || password.value === '') {
					(user.value.trim() === '' ? user : password).focus();
					throw new Said(t('signin.empty'));
				}
				await next('sign-in', { user: user.value.trim(), password: password.value }, t('signin.wrong'), () => {
					password.value = '';
					password.focus();
				});
			},
		});
	}

	/** @param {Prompt} prompt */
	function askMore(prompt) {
		const fields = prompt.fields.map((field, i) => {
			const node = input(`answer-${i}`, field.echo
				? { autocomplete: 'off', autocapitalize: 'none', spellcheck: false }
				: { type: 'password', autocomplete: 'off' });
			return { label: field.label.trim().replace(/:$/, '') || t('signin.answer'), node };
		});
		show({
			title: t('signin.more'),
			text: prompt.messages.join('\n'),
			fault: false,
			content: fields.map(({ label, node }) => labelled(label, node.type === 'password' ? withEye(node) : node)),
			button: t('signin.continue'),
			cancel: () => askPassword('', false),
			submit: () => next(`sign-in/${encodeURIComponent(prompt.id)}`, { answers: fields.map(({ node }) => node.value) }, t('signin.refused'),
				(said) => askPassword(said, true)),
		});
	}

	/**
	 * @param {string} path
	 * @param {object} body
	 * @param {string} refusal
	 * @param {(said: string) => void} onRefused
	 */
	async function next(path, body, refusal, onRefused) {
		let answer;
		try {
			// PAM may wait for a phone: longer than any other request.
			answer = await api('POST', path, { body, signal: gone.signal, signingIn: true, deadlineMs: 120_000 });
		} catch (error) {
			if (gone.signal.aborted)
				return;
			// 404: the conversation was too slow, or is over.
			if (error instanceof ApiError && [401, 404, 410].includes(error.status)) {
				const said = error.messages.join('\n') || refusal;
				onRefused(said);
				throw new Said(said);
			}
			throw new Said(faultText(error));
		}
		if (answer?.prompt)
			askMore(readPrompt(answer.prompt));
		else
			onSignedIn({ user: String(answer?.user), admin: answer?.admin === true, vnc: null });
	}

	/**
	 * @param {{title: string, text: string, fault: boolean, content: Node[], button: string, cancel?: () => void, submit: () => Promise<void>}} page
	 */
	function show({ title, text, fault, content, button, cancel, submit }) {
		const message = el('p', { class: fault ? 'message fault' : 'message', role: 'alert' });
		const go = el('button', { class: 'button primary wide', type: 'submit' }, button);
		const form = el('form', { class: 'form', noValidate: true, on: { submit: onSubmit } },
			el('h1', { tabIndex: -1 }, title), message, content, go,
			cancel && el('button', { class: 'button quiet wide', type: 'button', on: { click: cancel } }, t('signin.cancel')));
		box.replaceChildren(form);
		// After it is in the page, so that a screen reader speaks it.
		message.textContent = text;
		(form.querySelector('input') ?? go).focus();

		/** @param {Event} event */
		async function onSubmit(event) {
			event.preventDefault();
			if (go.getAttribute('aria-disabled') === 'true')
				return;
			go.setAttribute('aria-disabled', 'true');
			go.textContent = t('signin.busy');
			try {
				await submit();
			} catch (error) {
				message.className = 'message fault';
				message.textContent = error instanceof Said ? error.message : t('fault.other');
			} finally {
				go.setAttribute('aria-disabled', 'false');
				go.textContent = button;
			}
		}
	}

	return { dispose: () => gone.abort() };
}

/** A sentence for the person, made where the failure was understood. */
class Said extends Error {}

/** @param {any} prompt @returns {Prompt} */
function readPrompt(prompt) {
	const list = (/** @type {unknown} */ value) => (Array.isArray(value) ? value : []);
	return {
		id: String(prompt.id),
		messages: list(prompt.messages).map(String),
		fields: list(prompt.fields).map((field) => ({ label: String(field?.label ?? ''), echo: field?.echo === true })),
	};
}

/**
 * @param {string} id
 * @param {Record<string, any>} props
 * @returns {HTMLInputElement}
 */
function input(id, props) {
	return el('input', { id, name: id, class: 'input', ...props });
}

/**
 * @param {string} label
 * @param {HTMLElement} field an input, or what stands around one
 */
function labelled(label, field) {
	const target = field.matches('input') ? field : /** @type {HTMLElement} */ (field.querySelector('input'));
	return el('div', { class: 'field' }, el('label', { for: target.id }, label), field);
}

/** @param {HTMLInputElement} field */
function withEye(field) {
	const eye = el('button', { type: 'button', class: 'eye', 'aria-label': t('signin.show'), 'aria-pressed': 'false', on: {
		click() {
			const hide = field.type === 'text';
			field.type = hide ? 'password' : 'text';
			eye.setAttribute('aria-pressed', String(!hide));
			eye.setAttribute('aria-label', hide ? t('signin.show') : t('signin.hide'));
			field.focus();
		},
	} }, icon('eye'));
	return el('div', { class: 'with-eye' }, field, eye);
}

/** The carrel of the sign-in page, kept in a template because it is only a picture. */
function scene() {
	const template = /** @type {HTMLTemplateElement} */ (document.getElementById('scene'));
	return template.content.cloneNode(true);
}
