// What the app asks its FHIR server.
//
//   const server = new FHIRServer(session);
//   await server.read(reference) → Stored            { reference, version, resource, json: its own text }
//   await server.search(query)   → { found: [Stored], next: a query or null }
//   await server.all(query)      → [Stored], page by page, up to 2,000
//   await server.write(entries)  → what was written; throws a Half where only the first part was. entries are those of review.js
//
// Refusals are those of client.js; a status of 409 or 412 says that somebody else has changed the resource.
import { Refusal } from './client.js';
import { member, parts } from './json-text.js';

const mostFound = 2000;

// Half is thrown where a server without transactions took the first entries and refused the others, which are in `left`.
export class Half extends Error {
  constructor(left, cause) {
    super('half of it was written');
    Object.assign(this, { left, cause });
  }
}

export class FHIRServer {
  #session;
  #transactions = null;

  constructor(session) {
    this.#session = session;
  }

  async read(reference) {
    const json = await this.#ask(reference);
    return stored(json);
  }

  async search(query) {
    const json = await this.#ask(query);
    const entries = member(json, 'entry');
    const found = entries === '' ? [] : parts(entries).map((p) => member(entries.slice(p.start, p.end), 'resource')).filter((text) => text !== '').map(stored);
    const links = member(json, 'link');
    const next = links === '' ? undefined : JSON.parse(links).find((link) => link.relation === 'next')?.url;
    return { found: found.filter((f) => f.resource.resourceType !== 'OperationOutcome'), next: next ?? null };
  }

  async all(query) {
    const all = [];
    for (let next = query; next !== null && all.length < mostFound;) {
      const page = await this.search(next);
      all.push(...page.found);
      next = page.next;
    }
    return all;
  }

  async write(entries) {
    if (await this.#hasTransactions()) {
      const resources = entries.map(({ fullUrl, json, request }) => `{"fullUrl":${JSON.stringify(fullUrl)},"resource":${json},"request":${JSON.stringify(request)}}`);
      await this.#ask('', { method: 'POST', body: `{"resourceType":"Bundle","type":"transaction","entry":[${resources.join(',')}]}` });
      return;
    }
    for (const [i, { json, request }] of entries.entries()) {
      try {
        await this.#ask(request.url, { method: request.method, body: json, headers: request.ifMatch ? { 'If-Match': request.ifMatch } : {} });
      } catch (error) {
        if (i > 0) throw new Half(entries.slice(i), error);
        throw error;
      }
    }
  }

  // A server that does not say what it can is asked for transactions.
  async #hasTransactions() {
    this.#transactions ??= this.#ask('metadata').then((json) => {
      const can = JSON.parse(json).rest?.find((r) => r.mode === 'server')?.interaction;
      return can === undefined || can.some((i) => i.code === 'transaction');
    }, () => true);
    return this.#transactions;
  }

  async #ask(query, { headers = {}, ...options } = {}) {
    let response;
    let text;
    try {
      response = await this.#session.fetch(query, { ...options, headers: options.body ? { 'Content-Type': 'application/fhir+json', ...headers } : headers });
      text = await response.text();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new Refusal(0, [{ severity: 'error', diagnostics: 'The FHIR server could not be asked: the connection was not made, or broke off.' }]);
    }
    if (response.ok) return text;
    let issues;
    try {
      issues = JSON.parse(text).issue ?? [];
    } catch {
      issues = [{ severity: 'error', diagnostics: `The FHIR server answered ${response.status}.` }];
    }
    throw new Refusal(response.status, issues, Number(response.headers.get('Retry-After')) || undefined);
  }
}

function stored(json) {
  const resource = JSON.parse(json);
  return { reference: `${resource.resourceType}/${resource.id}`, version: resource.meta?.versionId ?? null, resource, json };
}
