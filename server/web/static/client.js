// What the page asks its server. All addresses are relative to the page's own.
//
//   setToken(token)                a bearer token or an API key, for all that is asked from then on; kept in this variable and nowhere else
//   annotate(body, signal) → the annotate object
//   extract(body, signal)  → { bundle: the Bundle's own text in JSON ("" where there is none), outcome: the OperationOutcome or null }
//
// Both throw a Refusal { status, title, issues, retryAfter } where the server answers with something else than 200, or not at all (status 0).
import { member, parts } from './json-text.js';

let token = '';

export function setToken(shown) {
  token = shown;
}

export class Refusal extends Error {
  constructor(status, issues, retryAfter) {
    super(`status ${status}`);
    Object.assign(this, { status, issues, retryAfter, title: titles[status] ?? `The server answered ${status}` });
  }
}

const titles = {
  0: 'The server does not answer',
  400: 'This is no FHIR that can be read',
  401: 'The server wants to know who asks',
  403: 'This token may not do that',
  413: 'This is too large',
  422: 'This cannot be read',
  429: 'The server is busy',
  500: 'The server failed',
  503: 'The server is not ready',
};

export async function annotate(body, signal) {
  return JSON.parse(await ask('api/annotate', body, signal));
}

export async function extract(body, signal) {
  const parameters = member(await ask('fhir/DocumentReference/$extract?_outcome=true', body, signal), 'parameter');
  let bundle = '';
  let outcome = null;
  for (const { start, end } of parts(parameters)) {
    const parameter = parameters.slice(start, end);
    const resource = member(parameter, 'resource');
    if (member(parameter, 'name') === '"return"') bundle = resource;
    else outcome = JSON.parse(resource);
  }
  return { bundle, outcome };
}

async function ask(path, body, signal) {
  const headers = { 'Content-Type': 'application/fhir+json' };
  if (token !== '') headers.Authorization = `Bearer ${token}`;
  let response;
  let text;
  try {
    response = await fetch(path, { method: 'POST', headers, body, signal, credentials: 'omit', redirect: 'error' });
    text = await response.text();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refusal(0, [{ severity: 'error', diagnostics: 'The connection was not made, or broke off. Is the server running?' }]);
  }
  if (response.ok) return text;
  let issues = [];
  try {
    issues = JSON.parse(text).issue ?? [];
  } catch {
    issues = [{ severity: 'error', diagnostics: `The answer (${response.status}) is no OperationOutcome.` }];
  }
  throw new Refusal(response.status, issues, Number(response.headers.get('Retry-After')) || undefined);
}
