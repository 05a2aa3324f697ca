// JSON as text, without reading it as numbers and strings: FHIR's decimals keep their digits ("8.0" stays "8.0").

// indent(json) → the same JSON with line ends and two blanks for each level. Takes valid JSON.
export function indent(json) {
  const out = [];
  let depth = 0;
  const newLine = () => out.push('\n' + '  '.repeat(depth));
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    const last = out.at(-1);
    switch (token) {
      case '{': case '[':
        depth++;
        out.push(token);
        newLine();
        break;
      case '}': case ']':
        depth--;
        out.pop();
        if (last.trim() === '' && /^[{[]$/.test(out.at(-1))) out.push(token);
        else {
          out.push(last);
          newLine();
          out.push(token);
        }
        break;
      case ',':
        out.push(token);
        newLine();
        break;
      case ':':
        out.push(': ');
        break;
      default:
        out.push(token);
    }
  }
  return out.join('');
}

// parts(json) → where the members' values of an object, or the elements of an array, stand: [{key, start, end}]. Takes valid JSON; key is the
// member's name, or the index.
export function parts(json) {
  const found = [];
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
  let depth = 0;
  let key = null;
  let start = -1;
  let end = -1;
  let isObject = false;
  for (let match = tokens.exec(json); match; match = tokens.exec(json)) {
    const [token] = match;
    const after = tokens.lastIndex;
    const closes = token === '}' || token === ']';
    if (depth === 1 && start >= 0 && (token === ',' || closes)) {
      found.push({ key: isObject ? key : found.length, start, end });
      start = -1;
      key = null;
      if (!closes) continue;
    }
    if (closes) depth--;
    if (token === '{' || token === '[') {
      if (depth === 0) isObject = token === '{';
      if (depth === 1 && start < 0) start = match.index;
      depth++;
    } else if (depth === 1 && !closes) {
      if (isObject && key === null && token[0] === '"') key = JSON.parse(token);
      else if (token !== ':' && token !== ',' && start < 0) start = match.index;
    }
    if (depth === 1 && start >= 0) end = after;
  }
  return found;
}

// member(json, name) → the text of a member's value; "" where there is none.
export function member(json, name) {
  const part = parts(json).find((p) => p.key === name);
  return part ? json.slice(part.start, part.end) : '';
}

// edit(json, path, value) → the same JSON with another value at a path of names and indexes; undefined takes the member out. What is not on the path
// stays as it was written.
export function edit(json, [key, ...rest], value) {
  const members = parts(json).map((p) => ({ key: p.key, text: json.slice(p.start, p.end) }));
  const old = members.find((m) => m.key === key);
  const made = rest.length > 0 ? old && edit(old.text, rest, value) : JSON.stringify(value);
  if (old) old.text = made;
  else members.push({ key, text: made });
  const left = members.filter((m) => m.text !== undefined);
  return json.trimStart()[0] === '[' ? `[${left.map((m) => m.text).join(',')}]` : `{${left.map((m) => `${JSON.stringify(m.key)}:${m.text}`).join(',')}}`;
}
