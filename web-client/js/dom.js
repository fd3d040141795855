// SPDX-License-Identifier: GPL-2.0-or-later
// Builds elements from parts, never from markup: text is always text, whoever wrote it.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] `class`, `data`, `on` (event → handler), attributes with a dash, else properties
 * @param {...(Child | Child[])} children
 * @returns {any} the element
 */
export function el(tag, props = {}, ...children) {
	const node = document.createElement(tag);
	for (const [name, value] of Object.entries(props)) {
		if (value === undefined || value === null)
			continue;
		if (name === 'class')
			node.className = value;
		else if (name === 'on')
			for (const [type, handler] of Object.entries(value))
				node.addEventListener(type, /** @type {EventListener} */ (handler));
		else if (name === 'data')
			Object.assign(node.dataset, value);
		else if (name === 'role' || name === 'for' || name.includes('-'))
			node.setAttribute(name, value);
		else
			/** @type {any} */ (node)[name] = value;
	}
	node.append(...children.flat().filter((child) => child || child === 0).map(toNode));
	return node;
}

/** @param {any} child */
function toNode(child) {
	return child instanceof Node ? child : document.createTextNode(String(child));
}

/**
 * A drawing out of the sprite in index.html. It says nothing to a screen reader: the text beside it does.
 * @param {string} name
 */
export function icon(name) {
	const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
	const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
	svg.setAttribute('class', 'icon');
	svg.setAttribute('aria-hidden', 'true');
	use.setAttribute('href', `#icon-${name}`);
	svg.append(use);
	return svg;
}

/**
 * A question that must be answered before going on.
 * @param {{title: string, text: (Node | string)[], yes: string, no: string, danger?: boolean}} question
 * @returns {Promise<boolean>} true: yes
 */
export function confirm({ title, text, yes, no, danger }) {
	return new Promise((resolve) => {
		const stay = el('button', { type: 'button', class: 'button', on: { click: () => dialog.close('') } }, no);
		const go = el('button', { type: 'button', class: danger ? 'button danger' : 'button primary', on: { click: () => dialog.close('yes') } }, yes);
		const dialog = el('dialog', { class: 'dialog', 'aria-labelledby': 'dialog-title' },
			el('h2', { id: 'dialog-title' }, title),
			text.map((line) => el('p', {}, line)),
			el('div', { class: 'row end' }, stay, go));
		const opener = /** @type {HTMLElement | null} */ (document.activeElement);
		dialog.addEventListener('close', () => {
			dialog.remove();
			if (opener?.isConnected)
				opener.focus();
			resolve(dialog.returnValue === 'yes');
		});
		document.body.append(dialog);
		dialog.showModal();
		stay.focus();
	});
}
