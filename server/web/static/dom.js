// element(name, properties, …children) → HTMLElement.
// The only way in which elements are made here. Children that are no nodes become text, so nothing of a note, a file name, a code or a display
// is ever read as markup. Of the properties, `class`, `role`, `aria-…`, `data-…`, `for` and `id` become attributes; `on…` listeners; the rest
// is set on the element itself. null, undefined and false leave a property or a child out.
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (key === 'class' || key === 'role' || key === 'for' || key === 'id' || key.includes('-')) made.setAttribute(key, value === true ? '' : String(value));
    else made[key] = value;
  }
  add(made, children);
  return made;
}

function add(parent, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(parent, child);
    else if (child !== null && child !== undefined && child !== false) parent.append(child instanceof Node ? child : String(child));
  }
}

// moveFocus makes the arrow keys, Home and End move among elements of which one has the Tab stop (roving tabindex).
// list() gives the elements in their order, each time anew; the container listens. Gives `stopAt(element)`, which moves the Tab stop.
export function moveFocus(container, list, { vertical = true, horizontal = true } = {}) {
  let stop = null;
  const stopAt = (to) => {
    if (stop && stop !== to) stop.tabIndex = -1;
    stop = to;
    if (to) to.tabIndex = 0;
  };
  container.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const step = { ArrowDown: vertical && 1, ArrowUp: vertical && -1, ArrowRight: horizontal && 1, ArrowLeft: horizontal && -1, Home: -Infinity, End: Infinity }[event.key];
    if (!step) return;
    const all = list();
    const at = all.indexOf(event.target);
    if (at < 0) return;
    event.preventDefault();
    const to = all[Math.max(0, Math.min(all.length - 1, at + step))];
    stopAt(to);
    to.focus();
  });
  container.addEventListener('focusin', (event) => {
    if (event.target !== stop && list().includes(event.target)) stopAt(event.target);
  });
  return stopAt;
}
