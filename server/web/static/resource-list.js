// ResourceList shows the resources of a Bundle, in groups.
//
//   const list = new ResourceList(container, { onPoint(index | null), onOpen(index), onSpan(span), below(resource) });
//   list.show(resources, { note, jsonOf(index) })   Resources of bundle.js; jsonOf gives a resource's own text in JSON
//   list.replace(resource, jsonOf)        shows another version of one resource in its place
//   list.setVisible(isVisible)            isVisible(resource) → boolean
//   list.light(indexes)                   lights these up, and scrolls the list to the first of them
//   list.open(index)                      opens a resource and moves the focus there; list.focus(index) only moves it
//   list.move(step), list.focused         moves the focus on by one, or back (-1); the index of the resource that has it, null for none
//
// below may give a node that stands below the head of a resource; the arrow keys in it are its own. onPoint is told which resource the pointer or the focus is on, onOpen which one was opened, onSpan which of its places is asked for. The arrow
// keys move among resources; Tab enters the list once.
import { groups } from './bundle.js';
import { element, moveFocus } from './dom.js';
import { systemName } from './systems.js';

export class ResourceList {
  #container;
  #calls;
  #items = [];
  #shown = null;
  #lit = [];
  #stopAt;
  #pointed = null;

  constructor(container, { onPoint = () => {}, onOpen = () => {}, onSpan = () => {}, below = () => null } = {}) {
    this.#container = container;
    this.#calls = { onPoint, onOpen, onSpan, below };
    container.classList.add('resources');
    this.#stopAt = moveFocus(container, () => this.#items.filter((i) => i && !i.hidden).map((i) => i.firstElementChild), { horizontal: false });
    const point = (target) => {
      const item = target?.closest?.('.resource');
      const index = item ? Number(item.dataset.index) : null;
      if (index === this.#pointed) return;
      this.#pointed = index;
      onPoint(index);
    };
    container.addEventListener('pointerover', (event) => point(event.target));
    container.addEventListener('pointerleave', () => point(null));
    container.addEventListener('focusin', (event) => point(event.target));
    container.addEventListener('focusout', (event) => {
      if (!container.contains(event.relatedTarget)) point(null);
    });
    container.addEventListener('click', (event) => {
      const head = event.target.closest('.resource-head');
      if (head) this.#toggle(Number(head.parentElement.dataset.index));
    });
  }

  show(resources, { note, jsonOf }) {
    this.#shown = { resources, note, jsonOf };
    this.#items = [];
    this.#lit = [];
    this.#pointed = null;
    const sections = groups.map((group, i) => {
      const members = resources.filter((r) => r.group === i || (r.group === -1 && i === groups.length - 1));
      if (members.length === 0) return null;
      const [type, ...others] = new Set(members.map((r) => r.type));
      const one = others.length === 0;
      return element('section', { class: 'group' },
        element('h3', {}, group.title, ' ', element('span', { class: 'count' }, members.length), one && element('span', { class: 'type' }, type)),
        element('ul', {}, ...members.map((r) => (this.#items[r.index] = item(r, !one, this.#calls.below(r))))));
    });
    const none = resources.length === 0 && element('p', { class: 'empty' }, 'No resources.');
    this.#container.replaceChildren(...[...sections, none].filter(Boolean));
    this.setVisible(() => true);
  }

  replace(resource, jsonOf) {
    this.#shown.resources[resource.index] = resource;
    this.#shown.jsonOf = jsonOf;
    const old = this.#items[resource.index];
    const made = item(resource, old.querySelector('.resource-foot .type') !== null, this.#calls.below(resource));
    made.hidden = old.hidden;
    this.#items[resource.index] = made;
    old.replaceWith(made);
    this.#stopAt(this.#items.find((i) => i && !i.hidden)?.firstElementChild ?? null);
  }

  setVisible(isVisible) {
    for (const resource of this.#shown.resources) this.#items[resource.index].hidden = !isVisible(resource);
    for (const section of this.#container.querySelectorAll('.group')) {
      const left = section.querySelectorAll('.resource:not([hidden])').length;
      section.hidden = left === 0;
      section.querySelector('.count').textContent = left;
    }
    this.#stopAt(this.#items.find((i) => i && !i.hidden)?.firstElementChild ?? null);
  }

  light(indexes) {
    for (const one of this.#lit) one.classList.remove('lit');
    this.#lit = indexes.map((index) => this.#items[index]).filter((i) => i && !i.hidden);
    for (const one of this.#lit) one.classList.add('lit');
    this.#lit[0]?.scrollIntoView({ block: 'nearest', behavior: 'auto' });
  }

  open(index) {
    const one = this.#items[index];
    if (!one) return;
    if (one.firstElementChild.getAttribute('aria-expanded') !== 'true') this.#toggle(index);
    one.scrollIntoView({ block: 'nearest' });
    one.firstElementChild.focus({ preventScroll: true });
  }

  focus(index) {
    this.#items[index]?.scrollIntoView({ block: 'nearest' });
    this.#items[index]?.firstElementChild.focus({ preventScroll: true });
  }

  move(step) {
    const shown = [...this.#container.querySelectorAll('.group:not([hidden]) .resource:not([hidden])')];
    const at = shown.findIndex((e) => e.contains(document.activeElement));
    const to = shown[Math.max(0, Math.min(shown.length - 1, at + step))];
    if (to) this.focus(Number(to.dataset.index));
  }

  get focused() {
    const found = this.#items.findIndex((i) => i?.contains(document.activeElement));
    return found < 0 ? null : found;
  }

  #toggle(index) {
    const head = this.#items[index].querySelector('.resource-head');
    const more = this.#items[index].querySelector('.resource-more');
    const opens = head.getAttribute('aria-expanded') !== 'true';
    head.setAttribute('aria-expanded', opens);
    more.hidden = !opens;
    if (!opens) return;
    if (more.childElementCount === 0) more.append(...this.#more(this.#shown.resources[index]));
    this.#calls.onOpen(index);
  }

  #more(resource) {
    const { note, jsonOf } = this.#shown;
    const place = (span) => element('li', {}, element('button', { type: 'button', class: 'link', onclick: () => this.#calls.onSpan(span) },
      note.text.slice(span.start, span.end).replace(/\s+/g, ' ')), span.place !== '' && element('small', {}, ` ${span.place}`));
    return [
      resource.codings.length > 0 && element('ul', { class: 'codings' }, ...resource.codings.map((c) => element('li', {},
        element('span', { class: 'system' }, systemName(c.system ?? '')), ' ', element('code', {}, c.code ?? ''), ' ', c.display ?? ''))),
      resource.spans.length > 0 && element('p', { class: 'label' }, 'Where the note says so'),
      resource.spans.length > 0 && element('ul', { class: 'places' }, ...resource.spans.map(place)),
      element('pre', { class: 'json', tabIndex: 0, role: 'region', 'aria-label': `${resource.type} in JSON` }, jsonOf(resource.index)),
    ].filter(Boolean);
  }
}

function item(r, withType, below) {
  const codes = r.codings.filter((c) => c.code).slice(0, 2).map((c) => element('span', { class: 'chip', title: systemName(c.system ?? '') }, c.code));
  return element('li', { class: 'resource', 'data-index': r.index, 'data-type': r.type },
    element('button', { type: 'button', class: 'resource-head', 'aria-expanded': 'false', tabIndex: -1 },
      element('span', { class: 'resource-title' }, r.title),
      element('span', { class: 'resource-score' }, r.confidence?.toFixed(2) ?? ''),
      element('span', { class: 'resource-details' }, r.details.join(' · ')),
      element('span', { class: 'resource-foot' },
        withType && element('span', { class: 'type' }, r.type), ...codes, r.request !== 'POST' && r.request !== '' && element('span', { class: 'chip' }, r.request))),
    below,
    element('div', { class: 'resource-more', hidden: true }));
}
