/**
 * Finds elements of the page that are sure to be there.
 * @module elements
 */

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type of the element, such as `HTMLInputElement`
 * @returns {T}
 */
export function byId(id, type) {
  return sure(document.getElementById(id), type, `#${id}`);
}

/**
 * @template {Element} T
 * @param {Element} parent
 * @param {string} selector
 * @param {new () => T} type
 * @returns {T} the first such element in the parent
 */
export function within(parent, selector, type) {
  return sure(parent.querySelector(selector), type, selector);
}

/**
 * @param {string} id of a template
 * @returns {HTMLElement} a copy of the element in it
 */
export function copyOf(id) {
  const { firstElementChild } = byId(id, HTMLTemplateElement).content;
  return sure(firstElementChild?.cloneNode(true), HTMLElement, `an element in #${id}`);
}

/**
 * @template T
 * @param {unknown} found
 * @param {new () => T} type
 * @param {string} what
 */
function sure(found, type, what) {
  if (found instanceof type) return found;
  throw new TypeError(`${what} is not an ${type.name}`);
}
