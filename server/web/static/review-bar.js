// reviewBar(fact, calls) → what stands below a fact: what was decided, by whom, and what can be.
//   fact { title, state: that of review.js, possible: [decision], isUncertain, isMarked }; calls { onDecide(what) } with "confirm", "correct" or "reject"
// noteRow(note, counts, isMarked, onOpen) → a note in the list.
import { element } from './dom.js';

const names = { unreviewed: 'Not reviewed', confirmed: 'Confirmed', corrected: 'Corrected', 'wrong-reading': 'Wrong reading', 'ruled-out': 'Ruled out', changed: 'Changed', retracted: 'Taken back by charthand' };

export function reviewBar({ title, state, possible, isUncertain, isMarked }, { onDecide }) {
  const button = (what, words, can, more = {}) => can && element('button', { type: 'button', class: 'quiet', 'data-decide': what, 'aria-label': `${words.replace('…', '')} ${title}`, onclick: () => onDecide(what), ...more }, words);
  const by = state.who ? ` by ${state.who}` : '';
  return element('div', { class: `review is-${state.state}`, role: 'group', 'aria-label': `Review of ${title}` },
    isMarked && element('span', { class: 'from-card' }, 'On the card'),
    element('p', { class: state.state === 'unreviewed' ? 'unseen' : 'review-state' }, element('strong', {}, names[state.state]), by, state.when && [', ', element('time', { dateTime: state.when }, moment(state.when))]),
    element('div', { class: 'review-buttons' },
      button('confirm', 'Confirm', possible.includes('confirmed'), isUncertain && { title: 'The note is not sure of it: to confirm it is to say that the patient has it' }),
      button('correct', 'Correct…', possible.includes('corrected')),
      button('reject', 'Reject…', possible.includes('wrong-reading'))));
}

export function noteRow(note, { open, done }, isMarked, onOpen) {
  return element('li', {}, element('button', { type: 'button', class: `note-row${open > 0 ? ' has-open' : ''}`, onclick: onOpen },
    element('span', { class: 'note-title' }, note.title, isMarked && element('span', { class: 'from-card' }, 'On the card'), note.withdrawn && element('span', { class: 'chip' }, note.resource.status)),
    element('span', { class: 'note-about' }, [day(note.date), note.author].filter(Boolean).join(' · ')),
    element('span', { class: 'note-counts' }, open > 0 && element('strong', {}, `${open} to review`), done > 0 && element('span', {}, `${done} reviewed`), open + done === 0 && element('span', {}, 'nothing found'))));
}

// day(date) → the day of a FHIR date or time, as it is written there.
export const day = (date) => date.slice(0, 10);

const moment = (when) => new Date(when).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
