// DetailsCard shows all that is known of a mention, beside its words.
//
//   const card = new DetailsCard({ onGo(index), onResource(index), onClose() });
//   card.peek(note, resources, entity, anchor)    while the pointer or the focus is there: read-only
//   card.open(note, resources, entity, anchor)    until it is closed (Esc, the button): the focus moves into it
//   card.hide(), card.isOpen
//
// onGo asks for another mention, onResource for a resource, onClose is told when an open card was closed by its reader.
import { element } from './dom.js';
import { quantity, range, wordsOf } from './bundle.js';
import { systemName } from './systems.js';

const gap = 8; // px between words and card

export class DetailsCard {
  #card = element('div', { class: 'card', hidden: true });
  #calls;
  isOpen = false;

  constructor(calls) {
    this.#calls = calls;
    document.body.append(this.#card);
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !this.#card.hidden) this.#close();
    });
    document.addEventListener('pointerdown', (event) => {
      if (this.isOpen && !this.#card.contains(event.target) && !event.target.closest?.('.entity[data-on]')) this.hide();
    });
  }

  peek(note, resources, entity, anchor) {
    if (this.isOpen) return;
    this.#card.setAttribute('aria-hidden', 'true');
    this.#card.removeAttribute('role');
    this.#show(note, resources, entity, anchor);
  }

  open(note, resources, entity, anchor) {
    this.isOpen = true;
    this.#card.removeAttribute('aria-hidden');
    this.#card.setAttribute('role', 'dialog');
    this.#card.setAttribute('aria-label', `Details of ${entity.words.replace(/\s+/g, ' ')}`);
    this.#show(note, resources, entity, anchor);
    this.#card.querySelector('.card-close').focus({ preventScroll: true });
  }

  hide() {
    this.isOpen = false;
    this.#card.hidden = true;
    this.#card.replaceChildren();
  }

  #close() {
    const wasOpen = this.isOpen;
    this.hide();
    if (wasOpen) this.#calls.onClose();
  }

  #show(note, resources, entity, anchor) {
    this.#card.classList.toggle('is-open', this.isOpen);
    this.#card.replaceChildren(...content(note, resources, entity, this.isOpen, { ...this.#calls, close: () => this.#close() }));
    this.#card.hidden = false;
    this.#place(anchor);
  }

  // Below the words where there is room, else above them; on narrow screens style.css puts the card at the bottom.
  #place(anchor) {
    const words = anchor.getClientRects()[0];
    const { width, height } = this.#card.getBoundingClientRect();
    if (!words) return;
    const below = words.bottom + gap;
    const top = below + height <= innerHeight - gap ? below : Math.max(gap, words.top - gap - height);
    this.#card.style.left = `${Math.max(gap, Math.min(words.left, document.documentElement.clientWidth - width - gap))}px`;
    this.#card.style.top = `${top}px`;
  }
}

function content(note, resources, entity, open, calls) {
  const go = (index, words) => (open ? element('button', { type: 'button', class: 'link', onclick: () => calls.onGo(index) }, words) : words);
  const quote = (span) => note.text.slice(span.start, span.end).replace(/\s+/g, ' ');
  const rows = [];
  const row = (name, ...value) => rows.push(element('div', { class: 'row' }, element('dt', {}, name), element('dd', {}, ...value)));
  if (entity.states.length > 0) row('The note says', ...joined(entity.states.map((s) => element('span', { class: `state state-${s.key}` }, s.words)), ' '));
  if (entity.cues.length > 0) row('Because of', ...joined(entity.cues.map((cue) => element('span', {}, element('q', {}, quote(cue)), element('small', {}, ` ${cue.rule}`))), ', '));
  for (const [name, words] of readings(entity)) row(name, words);
  const related = (list) => joined(list.map(({ kind, entity: index }) => element('span', {}, go(index, quote(note.entities[index])), element('small', {}, ` ${relation(kind, note.entities[index])}`))), ', ');
  if (entity.modifiers.length > 0) row('With', ...related(entity.modifiers));
  if (entity.modifies.length > 0) row('Says more of', ...related(entity.modifies));
  const around = note.entities.filter((e) => e.index !== entity.index && e.start < entity.end && e.end > entity.start);
  if (around.length > 0) row('Overlaps', ...joined(around.map((e) => element('span', {}, go(e.index, quote(e)), element('small', {}, ` ${e.name.toLowerCase()}`))), ', '));
  if (entity.section?.title) row('Section', entity.section.title);
  if (entity.same.length > 0) row('Also named', `${entity.same.length} more ${entity.same.length === 1 ? 'time' : 'times'}`);
  const made = entity.resources.map((index) => resources[index]);
  if (made.length > 0) row('Evidence for', ...joined(made.map((r) => element('span', {}, open ? element('button', { type: 'button', class: 'link', onclick: () => calls.onResource(r.index) }, r.title) : r.title, element('small', {}, ` ${r.type}`))), ', '));
  else row('Evidence for', element('span', { class: 'faint' }, 'no resource'));
  return [
    element('header', { class: 'card-head' },
      element('span', { class: `swatch kind-${entity.kind}` }, 'Aa'),
      element('span', { class: 'card-name' }, entity.name),
      element('span', { class: 'card-score' }, entity.score.toFixed(2)),
      open && element('button', { type: 'button', class: 'card-close', 'aria-label': 'Close', onclick: calls.close }, '×')),
    element('p', { class: 'card-words' }, quote(entity)),
    element('dl', {}, ...rows),
    entity.codings.length > 0 && codes(entity.codings),
    !open && element('p', { class: 'card-hint' }, 'Enter or a click keeps this open'),
  ].filter(Boolean);
}

function codes(codings) {
  const line = (c) => element('tr', { class: c.chosen ? 'chosen' : null },
    element('td', {}, systemName(c.system)), element('td', {}, element('code', {}, c.code)), element('td', {}, c.display ?? ''), element('td', {}, c.score?.toFixed(2) ?? ''));
  const heads = ['System', 'Code', 'Meaning', 'Score'].map((name) => element('th', { scope: 'col' }, name));
  return element('table', { class: 'codes' }, element('thead', {}, element('tr', {}, ...heads)), element('tbody', {}, ...codings.slice(0, 8).map(line)));
}

// What a mention was read as: a normal form, a value, a dosage, a time.
function readings(entity) {
  const list = [];
  const { value, sig, date } = entity;
  if (value) {
    const parts = [value.valueQuantity && quantity(value.valueQuantity), value.valueRange && range(value.valueRange),
      value.valueRatio && `${quantity(value.valueRatio.numerator)}/${quantity(value.valueRatio.denominator)}`, value.valueString,
      ...(value.component ?? []).map((c) => `${wordsOf(c.code)} ${quantity(c.valueQuantity)}`), ...(value.interpretation ?? []).map(wordsOf)];
    list.push(['Value', parts.filter(Boolean).join(', ')]);
  }
  for (const dosage of sig?.dosage ?? []) list.push(['Dosage', dosage.text ?? '']);
  if (date) {
    const parts = [date.dateTime, date.period && `${date.period.start ?? ''} – ${date.period.end ?? ''}`, date.age && `age ${quantity(date.age)}`,
      date.duration && `for ${quantity(date.duration)}`, date.after && `${quantity(date.after)} after`, date.time];
    if (parts.some(Boolean)) list.push(['Time', parts.filter(Boolean).join(', ')]);
  }
  if (list.length === 0 && entity.normal && entity.normal !== entity.words.toLowerCase()) list.push(['Compared as', entity.normal]);
  return list;
}

const relation = (kind, other) => (kind === 'modify' ? other.name.toLowerCase() : { reason: 'what it is given for', adverse: 'what it has caused', when: 'when', identical: 'the same' }[kind] ?? kind);

const joined = (nodes, between) => nodes.flatMap((node, i) => (i === 0 ? [node] : [between, node]));
