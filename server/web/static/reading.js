// Reading shows a note beside what was made of it: the note with its mentions, filters, an outline, the resources, the Bundle and the outcome.
//
//   const reading = new Reading(container, { below, tools, above, outcome });
//   reading.show({ annotation, extraction, refusal, name })
//   reading.replace(index, json)          shows another version of a resource of the Bundle in its place
//   reading.focus(index)                  moves the focus to a resource; reading.move(step) to the next one, or the one before
//   reading.focused                       the index of the resource that has the focus, null for none
//   reading.codings(index)                the codings of the mentions that a resource is about
//
// below(resource) may give what stands below each resource, tools are nodes beside the title, above nodes above the resources; with outcome: false there is no tab for one.
// annotation is an annotate object; extraction { bundle, outcome } the answer of client.js, or null with a refusal (a Refusal of client.js) where
// there is none; name says what is shown ("discharge.pdf"). It may be shown anew at any time. One stands on a page: its tabs have ids.
import { describe, readAnnotation } from './annotation.js';
import { link, mentionsOf, readBundle } from './bundle.js';
import { DetailsCard } from './details.js';
import { element } from './dom.js';
import { Filters } from './filters.js';
import { indent, member, parts } from './json-text.js';
import { NoteView } from './note-view.js';
import { issueList } from './outcome.js';
import { ResourceList } from './resource-list.js';
import { Tabs } from './tabs.js';

export class Reading {
  #root;
  #note = null;
  #resources = [];
  #bundle = '';
  #title = element('h2', { class: 'reading-title', id: 'reading-title', tabIndex: -1 });
  #counts = element('p', { class: 'reading-counts' });
  #outline = element('ol', { class: 'outline' });
  #said = element('p', { class: 'unseen', role: 'status' });
  #json = element('div', { class: 'bundle-text json', tabIndex: 0, role: 'region', 'aria-label': 'The Bundle in JSON' });
  #outcome = element('div', { class: 'outcome' });
  #refused = element('div', { class: 'refused' });
  #noteBox = element('div', { role: 'group', 'aria-label': 'The note with its mentions', 'aria-describedby': 'keys' });
  #listBox = element('div');
  #filterBox = element('div');
  #view;
  #list;
  #filters;
  #card;
  #tabs;
  #home = null; // what the open card was opened from

  constructor(container, { below, tools = [], above = [], outcome = true } = {}) {
    this.#root = container;
    this.#view = new NoteView(this.#noteBox, { onPoint: (index) => this.#pointEntity(index), onOpen: (index) => this.#openEntity(index) });
    this.#list = new ResourceList(this.#listBox, { onPoint: (index) => this.#pointResource(index), onOpen: (index) => this.#openResource(index), onSpan: (span) => this.#goTo(span), below });
    this.#filters = new Filters(this.#filterBox, () => this.#filter());
    this.#card = new DetailsCard({ onGo: (index) => this.#openEntity(index, true), onResource: (index) => this.#goToResource(index), onClose: () => this.#home?.focus({ preventScroll: true }) });
    this.#tabs = new Tabs([
      { id: 'resources', title: 'Resources', content: [this.#refused, ...above, this.#listBox] },
      { id: 'bundle', title: 'Bundle', content: [this.#copyButtons(), this.#json], onShow: () => this.#showJSON() },
      ...(outcome ? [{ id: 'outcome', title: 'Outcome', content: [this.#outcome] }] : []),
    ]);
    const panes = this.#paneSwitch();
    this.#root.classList.add('reading');
    this.#root.replaceChildren(
      element('header', { class: 'reading-head' }, this.#title, this.#counts, ...tools, panes),
      element('aside', { class: 'side', 'aria-label': 'Filters and outline' },
        element('details', { open: matchMedia('(min-width: 900px)').matches },
          element('summary', {}, 'Filter and outline'),
          this.#filterBox,
          element('nav', { 'aria-label': 'Sections of the note' }, element('h3', {}, 'Outline'), this.#outline))),
      element('section', { class: 'note-pane', 'aria-labelledby': 'reading-title' },
        element('p', { class: 'keys', id: 'keys' }, element('kbd', {}, '←'), element('kbd', {}, '→'), ' move among mentions, ', element('kbd', {}, 'Enter'), ' shows more, ', element('kbd', {}, 'Esc'), ' closes'),
        this.#noteBox),
      element('section', { class: 'result-pane', 'aria-label': 'What was made of the note' }, this.#tabs.element),
      this.#said);
  }

  show({ annotation, extraction, refusal = null, name }) {
    this.#card.hide();
    this.#home = null;
    this.#note = readAnnotation(annotation);
    this.#bundle = extraction?.bundle ?? '';
    const bundle = this.#bundle === '' ? null : JSON.parse(this.#bundle);
    this.#resources = readBundle(bundle, this.#note.utf16);
    link(this.#note, this.#resources);
    this.#title.textContent = name;
    this.#counts.textContent = this.#summary();
    this.#view.show(this.#note);
    this.#list.show(this.#resources, { note: this.#note, jsonOf: this.#jsonOf() });
    this.#filters.show(this.#note);
    this.#showOutline();
    this.#json.replaceChildren();
    this.#refused.replaceChildren(...(refusal ? [element('p', { class: 'refused-title' }, refusal.title), issueList(refusal.issues)] : []));
    const issues = extraction?.outcome?.issue ?? refusal?.issues ?? [];
    this.#outcome.replaceChildren(issues.length > 0 ? issueList(issues) : element('p', { class: 'empty' }, 'There is nothing to say of this note.'));
    this.#listBox.hidden = refusal !== null;
    this.#tabs.count('resources', this.#resources.filter((r) => r.group >= 0).length);
    this.#tabs.count('outcome', issues.length);
    this.#tabs.show('resources');
    this.#root.dataset.pane = 'note';
  }

  replace(index, json) {
    const entries = member(this.#bundle, 'entry');
    const { start, end } = parts(entries)[index];
    const entry = `{"resource":${json}}`;
    this.#bundle = this.#bundle.replace(entries, () => entries.slice(0, start) + entry + entries.slice(end));
    this.#json.replaceChildren();
    const [made] = readBundle({ entry: [JSON.parse(entry)] }, this.#note.utf16);
    this.#resources[index] = { ...made, index };
    link(this.#note, this.#resources);
    this.#list.replace(this.#resources[index], this.#jsonOf());
  }

  focus(index) {
    this.#tabs.show('resources');
    this.#list.focus(index);
  }

  move(step) {
    this.#list.move(step);
  }

  get focused() {
    return this.#list.focused;
  }

  codings(index) {
    return mentionsOf(this.#note, this.#resources[index]).flatMap((entity) => entity.codings);
  }

  #summary() {
    const { entities, coverage } = this.#note;
    const count = (n, one) => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`;
    const made = this.#resources.filter((r) => r.group >= 0).length;
    const read = coverage.read < coverage.characters ? `${count(coverage.read, 'character')} of ${coverage.characters.toLocaleString('en')} read` : count(coverage.characters, 'character');
    return [count(entities.length, 'mention'), count(made, 'resource'), read].join(' · ');
  }

  #showOutline() {
    const entries = this.#note.sections.filter((s) => s.title !== '').map((section) => element('li', {},
      element('button', { type: 'button', class: 'link', title: section.code ? `LOINC ${section.code}` : '', onclick: () => this.#goTo(section.heading) }, section.title.toLowerCase())));
    this.#outline.replaceChildren(...entries);
    this.#outline.parentElement.hidden = entries.length === 0;
  }

  #filter() {
    const shown = new Set(this.#note.entities.filter((e) => this.#filters.isVisible(e)).map((e) => e.index));
    this.#view.setVisible((e) => shown.has(e.index));
    const isShown = (r) => r.entities.length === 0 || mentionsOf(this.#note, r).some((e) => shown.has(e.index));
    this.#list.setVisible(isShown);
    this.#said.textContent = `${shown.size} of ${this.#note.entities.length} mentions are shown`;
  }

  #pointEntity(index) {
    if (this.#card.isOpen) return;
    if (index === null) {
      this.#card.hide();
      this.#view.light();
      this.#list.light([]);
      return;
    }
    const entity = this.#note.entities[index];
    this.#view.light({ entities: [index], cues: entity.cues });
    this.#list.light(entity.resources);
    this.#card.peek(this.#note, this.#resources, entity, this.#view.elementOf(index));
  }

  #openEntity(index, move = false) {
    const entity = this.#note.entities[index];
    this.#card.hide();
    if (move) this.#view.focus(index);
    this.#home = this.#view.elementOf(index);
    this.#view.light({ entities: [index], cues: entity.cues });
    this.#list.light(entity.resources);
    this.#card.open(this.#note, this.#resources, entity, this.#home);
    this.#said.textContent = describe(entity);
  }

  #pointResource(index) {
    const resource = this.#resources[index];
    this.#view.light(resource ? { entities: resource.entities, spans: resource.spans } : {});
    this.#list.light([]);
  }

  #openResource(index) {
    const [first] = this.#resources[index].spans;
    if (first && matchMedia('(min-width: 900px)').matches) this.#view.reveal(first);
  }

  #goToResource(index) {
    this.#card.hide();
    this.#tabs.show('resources');
    this.#root.dataset.pane = 'result';
    this.#list.open(index);
  }

  #goTo(span) {
    this.#root.dataset.pane = 'note';
    this.#view.reveal(span);
    this.#view.light({ spans: [span] });
  }

  // A resource's own text in the Bundle, indented.
  #jsonOf() {
    let entries = null;
    return (index) => {
      if (entries === null) {
        const list = member(this.#bundle, 'entry');
        entries = parts(list).map((p) => member(list.slice(p.start, p.end), 'resource')).filter((text) => text !== '');
      }
      return indent(entries[index] ?? '');
    };
  }

  // The Bundle is long: lines in blocks, which are laid out when they come into view.
  #showJSON() {
    if (this.#json.childElementCount > 0) return;
    const lines = indent(this.#bundle).split('\n');
    const made = [];
    for (let i = 0; i < lines.length; i += 100) made.push(element('pre', {}, `${lines.slice(i, i + 100).join('\n')}\n`));
    this.#json.replaceChildren(...(this.#bundle === '' ? [element('p', { class: 'empty' }, 'There is no Bundle.')] : made));
  }

  #copyButtons() {
    const copy = element('button', { type: 'button', class: 'quiet', onclick: async () => {
      this.#said.textContent = (await copyText(indent(this.#bundle))) ? 'The Bundle was copied' : 'The browser does not allow copying';
      copy.textContent = this.#said.textContent.startsWith('The Bundle') ? 'Copied' : 'Not allowed';
      setTimeout(() => { copy.textContent = 'Copy'; }, 2000);
    } }, 'Copy');
    const download = element('button', { type: 'button', class: 'quiet', onclick: () => {
      const url = URL.createObjectURL(new Blob([indent(this.#bundle), '\n'], { type: 'application/fhir+json' }));
      element('a', { href: url, download: 'bundle.json' }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } }, 'Download');
    return element('p', { class: 'bundle-actions' }, copy, download);
  }

  // On narrow screens the note and what was made of it take turns.
  #paneSwitch() {
    const button = (pane, title) => element('button', { type: 'button', 'data-pane': pane, onclick: () => { this.#root.dataset.pane = pane; } }, title);
    return element('div', { class: 'panes', role: 'group', 'aria-label': 'What to show' }, button('note', 'Note'), button('result', 'Resources'));
  }
}

// The clipboard is there on https and on this machine; elsewhere a selection is copied.
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element('textarea', { class: 'unseen', value: text });
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}
