// NoteView shows a note with what was found in it.
//
//   const view = new NoteView(container, { onPoint(index | null), onOpen(index, element) });
//   view.show(note)                 a Note of annotation.js; the container's text is then exactly note.text
//   view.setVisible(isVisible)      isVisible(entity) → boolean: mentions that are filtered out are plain text
//   view.light({ entities, spans, cues })   indexes and [{start, end}] to light up; what was lit before is not any more
//   view.reveal(span)               scrolls to a place; view.focus(index) scrolls to a mention and moves the focus there
//   view.elementOf(index)           the element of a mention's first part
//
// onPoint is told which mention the pointer or the focus is on, onOpen which one is asked for (a click, Enter, the space bar). The arrow keys move
// among mentions; Tab enters the note once. The text is cut into blocks that browsers lay out when they come into view. Evidence that is no
// mention, and cues, are painted with the CSS Custom Highlight API, where there is one.
import { describe } from './annotation.js';
import { element, moveFocus } from './dom.js';
import { blocks, layout } from './layout.js';

// How many characters a line has about, and how high it is, in px: how much place a block takes before it is laid out.
const lineLength = 90;
const lineHeight = 27;

export class NoteView {
  #container;
  #note = null;
  #elements = []; // by entity: its first part
  #pieces = []; // by entity: all parts
  #texts = []; // text nodes in order, with where they start
  #lit = new Set();
  #stopAt;
  #pointed = null;

  constructor(container, { onPoint = () => {}, onOpen = () => {} } = {}) {
    this.#container = container;
    container.classList.add('note');
    this.#stopAt = moveFocus(container, () => this.#elements.filter((e) => e?.hasAttribute('tabindex')));
    const indexAt = (event) => {
      const found = event.target.closest?.('.entity[data-on]');
      return found ? Number(found.dataset.index) : null;
    };
    const point = (index) => {
      if (index === this.#pointed) return;
      this.#pointed = index;
      onPoint(index);
    };
    container.addEventListener('pointerover', (event) => point(indexAt(event)));
    container.addEventListener('pointerleave', () => point(null));
    container.addEventListener('focusin', (event) => point(indexAt(event)));
    container.addEventListener('focusout', (event) => {
      if (!container.contains(event.relatedTarget)) point(null);
    });
    container.addEventListener('click', (event) => {
      const index = indexAt(event);
      if (index === null || !document.getSelection().isCollapsed) return;
      onOpen(index, event.target.closest('.entity'));
    });
    container.addEventListener('keydown', (event) => {
      const index = indexAt(event);
      if (index === null || (event.key !== 'Enter' && event.key !== ' ')) return;
      event.preventDefault();
      onOpen(index, event.target);
    });
  }

  show(note) {
    this.#note = note;
    this.#elements = [];
    this.#pieces = note.entities.map(() => []);
    this.#texts = [];
    this.#lit.clear();
    this.#pointed = null;
    paint('evidence', []);
    paint('cue', []);
    const headings = note.sections.filter((s) => s.heading.end > s.heading.start).map((s) => ({ start: s.heading.start, end: s.heading.end, heads: s }));
    const spans = [...headings, ...note.entities];
    const forest = layout(spans);
    const starts = note.sections.map((s) => s.start);
    let next = 0;
    const made = blocks(note.text, forest, starts).map(({ start, end }) => {
      const roots = [];
      while (next < forest.length && forest[next].start < end) roots.push(forest[next++]);
      const block = element('div', { class: 'block' });
      block.style.containIntrinsicBlockSize = `auto ${lineHeight * linesOf(note.text, start, end)}px`;
      this.#fill(block, start, end, roots);
      return block;
    });
    this.#container.replaceChildren(...made);
    this.setVisible(() => true);
  }

  setVisible(isVisible) {
    for (const [index, entity] of this.#note.entities.entries()) {
      const on = isVisible(entity);
      for (const piece of this.#pieces[index]) piece.toggleAttribute('data-on', on);
      const home = this.#elements[index];
      if (!home || home.hasAttribute('tabindex') === on) continue;
      if (on) {
        home.tabIndex = -1;
        home.setAttribute('role', home.querySelector('.entity') ? 'group' : 'button');
        home.setAttribute('aria-label', describe(entity));
      } else {
        for (const name of ['tabindex', 'role', 'aria-label']) home.removeAttribute(name);
      }
    }
    this.#stopAt(this.#elements.find((e) => e?.hasAttribute('tabindex')) ?? null);
  }

  light({ entities = [], spans = [], cues = [] } = {}) {
    for (const piece of this.#lit) piece.classList.remove('lit');
    this.#lit.clear();
    for (const index of entities) {
      for (const piece of this.#pieces[index] ?? []) {
        piece.classList.add('lit');
        this.#lit.add(piece);
      }
    }
    paint('evidence', spans.map((span) => this.#range(span)));
    paint('cue', cues.map((span) => this.#range(span)));
  }

  reveal(span) {
    const { node } = this.#at(span.start);
    node?.parentElement.scrollIntoView({ block: 'center', behavior: calm() ? 'auto' : 'smooth' });
  }

  focus(index) {
    const home = this.#elements[index];
    home?.scrollIntoView({ block: 'center', behavior: 'auto' });
    home?.focus({ preventScroll: true });
  }

  elementOf(index) {
    return this.#elements[index];
  }

  #fill(parent, start, end, pieces) {
    let at = start;
    for (const piece of pieces) {
      this.#text(parent, at, piece.start);
      const { span } = piece;
      const child = span.heads ? heading(span.heads) : mention(span, piece.first);
      this.#fill(child, piece.start, piece.end, piece.children);
      parent.append(child);
      if (!span.heads) {
        this.#pieces[span.index].push(child);
        if (piece.first) this.#elements[span.index] = child;
      }
      at = piece.end;
    }
    this.#text(parent, at, end);
  }

  #text(parent, start, end) {
    if (start >= end) return;
    const node = document.createTextNode(this.#note.text.slice(start, end));
    this.#texts.push({ start, node });
    parent.append(node);
  }

  // The text node that a place stands in.
  #at(place) {
    let low = 0;
    let high = this.#texts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#texts[middle].start <= place) low = middle;
      else high = middle - 1;
    }
    return this.#texts[low] ?? { start: 0, node: null };
  }

  #range({ start, end }) {
    const [from, to] = [this.#at(start), this.#at(Math.max(start, end - 1))];
    if (!from.node) return null;
    const range = new Range();
    range.setStart(from.node, Math.min(start - from.start, from.node.length));
    range.setEnd(to.node, Math.min(end - to.start, to.node.length));
    return range;
  }
}

const calm = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

function paint(name, ranges) {
  globalThis.CSS?.highlights?.set(name, new Highlight(...ranges.filter(Boolean)));
}

function linesOf(text, start, end) {
  let lines = 0;
  for (let at = start; at < end;) {
    const stop = text.indexOf('\n', at);
    const to = stop < 0 || stop >= end ? end : stop + 1;
    lines += Math.max(1, Math.ceil((to - at) / lineLength));
    at = to;
  }
  return lines;
}

const heading = (section) => element('span', { class: 'heading', role: 'heading', 'aria-level': 3, 'data-section': section.index });

function mention(entity, first) {
  const states = entity.states.map((s) => ` is-${s.key}`).join('');
  const mark = first && entity.mark !== '' ? entity.mark : null;
  return element('span', { class: `entity kind-${entity.kind}${states}${first ? '' : ' continued'}`, 'data-index': entity.index, 'data-mark': mark });
}
