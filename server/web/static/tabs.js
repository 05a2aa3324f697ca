// Tabs are panels of which one is shown (the tabs pattern of WAI-ARIA: arrow keys move among the tabs).
//
//   const tabs = new Tabs([{ id, title, content: [nodes], onShow }]);
//   tabs.element, tabs.show(id), tabs.count(id, number), which does nothing for a tab that is not there
import { element, moveFocus } from './dom.js';

export class Tabs {
  #tabs = new Map();

  constructor(list) {
    for (const { id, title, content, onShow } of list) {
      const count = element('span', { class: 'count' });
      const tab = element('button', { type: 'button', role: 'tab', id: `tab-${id}`, 'aria-controls': `panel-${id}`, tabIndex: -1, onclick: () => this.show(id), onfocus: () => this.show(id) }, title, ' ', count);
      const panel = element('div', { role: 'tabpanel', id: `panel-${id}`, 'aria-labelledby': `tab-${id}`, class: 'panel' }, ...content);
      this.#tabs.set(id, { tab, panel, count, onShow });
    }
    const all = [...this.#tabs.values()];
    const bar = element('div', { role: 'tablist', class: 'tabs', 'aria-label': 'What was made of the note' }, ...all.map((t) => t.tab));
    moveFocus(bar, () => all.map((t) => t.tab), { vertical: false });
    this.element = element('div', { class: 'tabbed' }, bar, ...all.map((t) => t.panel));
  }

  show(id) {
    for (const [name, { tab, panel }] of this.#tabs) {
      tab.setAttribute('aria-selected', name === id);
      tab.tabIndex = name === id ? 0 : -1;
      panel.hidden = name !== id;
    }
    this.#tabs.get(id).onShow?.();
  }

  count(id, number) {
    const tab = this.#tabs.get(id);
    if (tab) tab.count.textContent = number;
  }
}
