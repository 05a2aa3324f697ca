// issueList(issues) → a list of the issues of an OperationOutcome.
import { element } from './dom.js';

export function issueList(issues) {
  return element('ul', { class: 'issues' }, ...issues.map((issue) => element('li', { class: `issue issue-${issue.severity}` },
    element('span', { class: 'severity' }, issue.severity ?? 'error'),
    element('span', { class: 'diagnostics' }, issue.diagnostics ?? issue.details?.text ?? issue.code ?? ''),
    issue.expression?.length > 0 && element('code', { class: 'expression' }, issue.expression.join(', ')))));
}
