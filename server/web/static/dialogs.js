// The questions that a reviewer is asked. Each gives a promise of the answer, null where there is none (Esc, “Cancel”).
//
//   askRejection(title, possible)          → "wrong-reading" or "ruled-out"
//   askAll(kind, counts)                   → the type whose facts are meant, "" for all; kind "confirmed" or "wrong-reading",
//                                            counts [{ type, title, count, left }], the first for all; left is how many are left out
//   askCorrection({ title, text, codings, offered, draft, save, problem })   → true when save({ text, coding }) has come to its end;
//                                            where it throws, problem(error, correction) gives nodes that say so, and the dialog stays. draft is a
//                                            correction that was not saved, to begin with
import { element } from './dom.js';
import { systemName, systems } from './systems.js';

// show opens a dialog of some nodes; a button with data-answer closes it with that answer.
function show(label, nodes) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const dialog = element('dialog', { class: 'dialog', 'aria-label': label }, ...nodes);
    dialog.addEventListener('click', (event) => {
      const answer = event.target.closest?.('[data-answer]')?.dataset.answer;
      if (answer !== undefined) dialog.close(answer);
    });
    dialog.addEventListener('cancel', () => {
      dialog.returnValue = '';
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (before?.isConnected) before.focus({ preventScroll: true });
      resolve(dialog.returnValue === '' ? null : dialog.returnValue);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const cancel = () => element('button', { type: 'button', class: 'quiet', 'data-answer': '' }, 'Cancel');

export function askRejection(title, possible) {
  const choice = (answer, name, words) => possible.includes(answer) && element('li', {}, element('button', { type: 'button', class: 'choice', 'data-answer': answer }, element('strong', {}, name), element('span', {}, words)));
  return show(`Reject ${title}`, [
    element('h2', {}, 'Reject ', element('q', {}, title)),
    element('ul', { class: 'choices' },
      choice('wrong-reading', 'Wrong reading', 'The note does not say this. It is marked as entered in error.'),
      choice('ruled-out', 'Ruled out', 'The note says it, but the patient does not have it. It is marked as refuted.')),
    element('p', { class: 'actions' }, cancel()),
  ]);
}

export async function askAll(kind, counts) {
  const verb = kind === 'confirmed' ? 'Confirm' : 'Reject';
  const number = element('strong', {});
  const left = element('p', { class: 'faint' });
  const go = element('button', { type: 'button', class: 'primary', 'data-answer': 'all' });
  const which = element('select', { id: 'which', onchange: () => tell() }, ...counts.map((c, i) => element('option', { value: i }, `${c.title} (${c.count})`)));
  const tell = () => {
    const { count, left: out } = counts[which.value];
    const facts = `${count} ${count === 1 ? 'fact' : 'facts'}`;
    number.textContent = facts;
    go.textContent = kind === 'confirmed' ? `Confirm ${facts}` : `Reject ${facts} as read wrongly`;
    go.disabled = count === 0;
    left.textContent = out > 0 ? `${out} uncertain ${out === 1 ? 'one is' : 'ones are'} left out: each wants a decision of its own.` : '';
  };
  tell();
  const answer = await show(`${verb} all`, [
    element('h2', {}, `${verb} what nobody has reviewed yet`),
    element('p', { class: 'field' }, element('label', { for: 'which' }, 'Of this note '), which),
    element('p', {}, number, kind === 'confirmed' ? ' will be confirmed in your name.' : ' will be marked as entered in error, in your name. This app cannot take that back.'),
    left,
    element('p', { class: 'actions' }, go, cancel()),
  ]);
  return answer === null ? null : counts[which.value].type;
}

export async function askCorrection({ title, text, codings, offered, draft = null, save, problem }) {
  const key = (c) => `${c.system}|${c.code}`;
  const kept = new Set(codings.map(key));
  const all = [...codings, ...offered.filter((c) => !kept.has(key(c)))];
  const chosen = draft && new Set(draft.coding.map(key));
  const typed = draft?.coding.find((c) => !all.some((one) => key(one) === key(c)));
  const boxes = all.map((c, i) => element('input', { type: 'checkbox', checked: chosen ? chosen.has(key(c)) : i < codings.length, value: i }));
  const input = (id, value, more = {}) => element('input', { id, value: value ?? '', autocomplete: 'off', ...more });
  const words = input('correct-text', draft?.text ?? text, { required: true });
  const [system, code, display] = [input('correct-system', typed?.system, { type: 'url' }), input('correct-code', typed?.code), input('correct-display', typed?.display)];
  system.setAttribute('list', 'correct-systems');
  const said = element('div', { class: 'dialog-problem', role: 'alert' });
  const go = element('button', { type: 'submit', class: 'primary' }, 'Save and confirm');
  const correction = () => ({
    text: words.value.trim(),
    coding: [...boxes.filter((b) => b.checked).map((b) => all[b.value]).map(({ system: s, version, code: c, display: d }) => ({ ...(s && { system: s }), ...(version && { version }), ...(c && { code: c }), ...(d && { display: d }) })),
      ...(code.value.trim() === '' ? [] : [{ system: system.value.trim(), code: code.value.trim(), ...(display.value.trim() && { display: display.value.trim() }) }])],
  });
  const form = element('form', { onsubmit: async (event) => {
    event.preventDefault();
    system.setCustomValidity(code.value.trim() !== '' && system.value.trim() === '' ? 'A code needs its system.' : '');
    words.setCustomValidity(words.value.trim() === '' ? 'It has to be called something.' : '');
    if (!form.reportValidity()) return;
    go.disabled = true;
    try {
      await save(correction());
      form.closest('dialog').close('saved');
    } catch (error) {
      go.disabled = false;
      said.replaceChildren(...problem(error, correction()));
    }
  } },
    element('h2', {}, 'Correct ', element('q', {}, title)),
    element('p', { class: 'field' }, element('label', { for: 'correct-text' }, 'What it is called'), words),
    all.length > 0 && element('fieldset', {}, element('legend', {}, 'Its codes'), element('ul', { class: 'code-choice' }, ...all.map((c, i) => element('li', {}, element('label', {}, boxes[i],
      element('span', { class: 'system' }, systemName(c.system ?? '')), ' ', element('code', {}, c.code ?? ''), ' ', c.display ?? '', i >= codings.length && element('small', {}, ' offered')))))),
    element('fieldset', { class: 'own-code' }, element('legend', {}, 'Another code'),
      element('p', { class: 'field' }, element('label', { for: 'correct-system' }, 'System'), system),
      element('p', { class: 'field' }, element('label', { for: 'correct-code' }, 'Code'), code),
      element('p', { class: 'field' }, element('label', { for: 'correct-display' }, 'Meaning'), display)),
    element('datalist', { id: 'correct-systems' }, ...systems.map((uri) => element('option', { value: uri }, systemName(uri)))),
    element('p', { class: 'faint' }, 'Where the note says so stays as it is.'),
    said,
    element('p', { class: 'actions' }, go, cancel()));
  for (const field of [system, code, words]) field.addEventListener('input', () => field.setCustomValidity(''));
  return (await show(`Correct ${title}`, [form])) !== null;
}
