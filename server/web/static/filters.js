// Filters choose which mentions are shown: by type, by score, and whether they became a resource.
//
//   const filters = new Filters(container, onChange);
//   filters.show(note)
//   filters.isVisible(entity) → boolean       onChange is called after each change
import { element } from './dom.js';
import { kinds } from './kinds.js';

export class Filters {
  #container;
  #onChange;
  #off = new Set();
  #least = 0;
  #onlyUsed = false;

  constructor(container, onChange) {
    this.#container = container;
    this.#onChange = onChange;
    container.classList.add('filters');
  }

  isVisible(entity) {
    return !this.#off.has(entity.label) && entity.score >= this.#least && (!this.#onlyUsed || entity.resources.length > 0);
  }

  show(note) {
    this.#off.clear();
    this.#least = 0;
    this.#onlyUsed = false;
    const byLabel = new Map();
    for (const e of note.entities) byLabel.set(e.label, [...(byLabel.get(e.label) ?? []), e]);
    const types = [...byLabel.values()].map((members) => ({ ...pick(members[0]), count: members.length }))
      .sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || b.count - a.count);
    const boxes = types.map((type) => element('input', { type: 'checkbox', checked: true, value: type.label, onchange: (event) => this.#switch(type.label, event.target.checked) }));
    const all = (on) => () => {
      for (const box of boxes) box.checked = on;
      this.#off = new Set(on ? [] : types.map((t) => t.label));
      this.#onChange();
    };
    const lowest = element('output', {}, '0.00');
    const slider = element('input', { type: 'range', min: 0, max: 1, step: 0.01, value: 0, id: 'least-score', oninput: () => {
      this.#least = slider.valueAsNumber;
      lowest.textContent = this.#least.toFixed(2);
      this.#onChange();
    } });
    this.#container.replaceChildren(
      element('fieldset', {},
        element('legend', {}, 'Types'),
        element('p', { class: 'all' }, element('button', { type: 'button', class: 'link', onclick: all(true) }, 'All'), element('button', { type: 'button', class: 'link', onclick: all(false) }, 'None')),
        element('ul', {}, ...types.map((type, i) => element('li', {}, element('label', {}, boxes[i],
          element('span', { class: `swatch kind-${type.kind}`, 'aria-hidden': 'true' }, 'Aa'), element('span', { class: 'name' }, type.name), element('span', { class: 'count' }, type.count)))))),
      element('div', { class: 'score' }, element('label', { for: 'least-score' }, 'Score at least ', lowest), slider),
      element('label', { class: 'used' }, element('input', { type: 'checkbox', onchange: (event) => {
        this.#onlyUsed = event.target.checked;
        this.#onChange();
      } }), ' Only what a resource rests on'));
  }

  #switch(label, on) {
    if (on) this.#off.delete(label);
    else this.#off.add(label);
    this.#onChange();
  }
}

const pick = ({ label, name, kind }) => ({ label, name, kind });
