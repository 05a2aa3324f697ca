// issueList(issues) → a list of the issues of an OperationOutcome, the gravest first.
import { element } from './dom.js';

const order = ['fatal', 'error', 'warning', 'information'];

export function issueList(issues) {
  const sorted = issues.map((issue) => ({ severity: order.includes(issue.severity) ? issue.severity : 'error', issue }));
  sorted.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  return element('ul', { class: 'issues' }, ...sorted.map(({ severity, issue }) => element('li', { class: `issue issue-${severity}` },
    severity !== 'information' && element('span', { class: 'severity' }, severity),
    element('span', { class: 'diagnostics' }, issue.diagnostics ?? issue.details?.text ?? issue.code ?? ''),
    issue.expression?.length > 0 && element('code', { class: 'expression' }, issue.expression.join(', ')))));
}
