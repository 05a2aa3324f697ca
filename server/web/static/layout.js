// How spans that nest and overlap are laid out in a text, and where a text may be cut into blocks. Nothing here knows the DOM.

// layout(spans) → a forest of pieces {span, start, end, first, children}.
// Takes any objects with `start` and `end` (half-open), in any order; empty ones are left out. Pieces lie wholly inside their parents; a span that
// crosses the end of another is cut there, and `first` is true on the piece where it begins. Of two that begin together the longer holds the other.
export function layout(spans) {
  const order = (a, b) => a.start - b.start || b.end - a.end || a.rank - b.rank;
  const waiting = spans.map((span, rank) => ({ span, start: span.start, end: span.end, rank, first: true })).filter((p) => p.end > p.start).sort(order);
  const roots = [];
  const open = [];
  for (let i = 0; i < waiting.length; i++) {
    const piece = waiting[i];
    while (open.length && open.at(-1).end <= piece.start) open.pop();
    const parent = open.at(-1);
    if (parent && piece.end > parent.end) {
      const rest = { ...piece, start: parent.end, first: false };
      piece.end = parent.end;
      let at = i + 1;
      while (at < waiting.length && order(waiting[at], rest) < 0) at++;
      waiting.splice(at, 0, rest);
    }
    const made = { span: piece.span, start: piece.start, end: piece.end, first: piece.first, children: [] };
    (parent ? parent.children : roots).push(made);
    open.push(made);
  }
  return roots;
}

// blocks(text, spans, starts, lines) → [{start, end}], which together are the text.
// A block ends after an empty line, before one of `starts` (where sections begin), or after `lines` lines, but never inside a span.
export function blocks(text, spans, starts = [], lines = 16) {
  const sorted = spans.filter((s) => s.end > s.start).sort((a, b) => a.start - b.start);
  const begins = new Set(starts);
  const cut = [];
  let reach = 0; // the furthest end of the spans that begin before a place
  let next = 0;
  let count = 0;
  let from = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at + 1 < text.length; at = text.indexOf('\n', at + 1)) {
    const place = at + 1;
    count++;
    while (next < sorted.length && sorted[next].start < place) reach = Math.max(reach, sorted[next++].end);
    const empty = text.slice(text.lastIndexOf('\n', at - 1) + 1, at).trim() === '';
    if (reach > place || !(empty || count >= lines || begins.has(place))) continue;
    if (empty && text[place] === '\n') continue; // all empty lines go with what is before them
    cut.push({ start: from, end: place });
    from = place;
    count = 0;
  }
  if (from < text.length || cut.length === 0) cut.push({ start: from, end: text.length });
  return cut;
}
