// SMART App Launch 2.2 in a browser, for a public client: an authorisation code with PKCE (RFC 7636).
//
//   await begin(config, { server, launch })   leaves this page for the authorisation server; config is that of /app/config.json
//   await resume(config) → Session or null    on the page that it leads back to, and whenever that is loaded anew; null where nothing was begun
//   Session { server, patient, user, userName, appContext, documents, scope }: server is the FHIR server; user what it says in fhirUser;
//   documents are the notes in fhirContext
//     await session.fetch(address, options) → Response    at the FHIR server only, with the token; a token that is over is renewed
//     session.tokenOf(issuer) → the token if it is a JWT of this issuer, else ""
//     session.end()                           forgets all
//
// Whatever goes wrong is a LaunchFailure with a sentence for the reader; a token that cannot be renewed is a SignedOut. What is kept is in
// sessionStorage: browsers drop it with the tab.
export class LaunchFailure extends Error {}
export class SignedOut extends Error {}

const pendingKey = 'charthand-launch';
const sessionKey = 'charthand-session';
const early = 20_000; // ms before its end that a token is renewed

const types = ['Condition', 'AllergyIntolerance', 'MedicationStatement', 'Procedure', 'Observation', 'FamilyMemberHistory'];

// What the app needs: to read notes, to read and change facts, to read and add Provenances.
function scopesFor(configuration, launch) {
  const of = configuration.capabilities ?? [];
  const [read, change, add] = of.includes('permission-v1') && !of.includes('permission-v2') ? ['read', 'read write', 'read write'] : ['rs', 'rus', 'crs'];
  const scopes = (type, ways) => ways.split(' ').map((way) => `patient/${type}.${way}`);
  const self = ['Practitioner', 'PractitionerRole'].map((type) => `user/${type}.${read === 'read' ? 'read' : 'r'}`);
  return [launch ? 'launch' : 'launch/patient', 'openid', 'fhirUser', 'online_access', ...scopes('Patient', read), ...scopes('DocumentReference', read), ...scopes('DiagnosticReport', read),
    ...scopes('Binary', read), ...self, ...types.flatMap((type) => scopes(type, change)), ...scopes('Provenance', add)].join(' ');
}

// allowed(config, iss) → whether the app may be used with a FHIR server.
export const allowed = (config, iss) => config.fhirServers.some((server) => address(server) === address(iss));

function address(text) {
  try {
    return new URL(text).href.replace(/\/+$/, '');
  } catch {
    return null;
  }
}

export async function begin(config, { server, launch = null }) {
  if (!allowed(config, server)) throw new LaunchFailure('This app is not set up for that FHIR server.');
  if (!globalThis.crypto?.subtle) throw new LaunchFailure('Browsers allow this over https only.');
  const base = address(server);
  const configuration = await configurationOf(base);
  const pending = {
    server: base, launch: launch !== null, clientId: config.clientId, redirect: redirectURI(), tokenEndpoint: configuration.token_endpoint, issuer: configuration.issuer ?? null,
    state: random(), nonce: random(), verifier: random(),
  };
  sessionStorage.removeItem(sessionKey);
  sessionStorage.setItem(pendingKey, JSON.stringify(pending));
  const to = new URL(configuration.authorization_endpoint);
  const asked = {
    response_type: 'code', client_id: config.clientId, redirect_uri: pending.redirect, aud: server, state: pending.state, nonce: pending.nonce, launch,
    scope: config.scope ? `${launch === null ? 'launch/patient' : 'launch'} ${config.scope}` : scopesFor(configuration, launch !== null),
    code_challenge: await challenge(pending.verifier), code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(asked)) if (value !== null) to.searchParams.set(name, value);
  location.assign(to);
}

export async function resume(config) {
  const answer = new URLSearchParams(location.search);
  if (location.search !== '') history.replaceState(history.state, '', location.pathname); // codes are for one use, and no part of an address that stays
  const pending = JSON.parse(sessionStorage.getItem(pendingKey));
  if (!answer.has('code') && !answer.has('error')) {
    const kept = JSON.parse(sessionStorage.getItem(sessionKey));
    return kept && allowed(config, kept.server) ? new Session(kept) : null;
  }
  sessionStorage.removeItem(pendingKey);
  if (!pending || answer.get('state') !== pending.state) throw new LaunchFailure('This answer belongs to no launch that was begun in this tab.');
  if (answer.has('iss') && pending.issuer !== null && answer.get('iss') !== pending.issuer) throw new LaunchFailure('This answer is of another authorisation server.'); // RFC 9207
  if (answer.has('error')) throw new LaunchFailure(`The authorisation server refused: ${answer.get('error_description') ?? answer.get('error')}`);
  const token = await askToken(pending, { grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: pending.redirect, code_verifier: pending.verifier });
  if (typeof token.patient !== 'string' || token.patient === '') throw new LaunchFailure('The server did not say which patient this is about.');
  const claims = token.id_token === undefined ? {} : claimsOf(token.id_token);
  if (token.id_token !== undefined) check(claims, pending);
  const kept = {
    ...pending, patient: token.patient, user: claims.fhirUser ?? token.fhirUser ?? null, userName: claims.name ?? null,
    appContext: token.appContext ?? null, documents: contextOf(token.fhirContext), scope: token.scope ?? '', ...tokenParts(token),
  };
  const session = new Session(kept);
  session.keep();
  return session;
}

async function configurationOf(base) {
  let configuration;
  try {
    const response = await fetch(`${base}/.well-known/smart-configuration`, { headers: { Accept: 'application/json' }, credentials: 'omit' });
    configuration = await response.json();
  } catch {
    throw new LaunchFailure('The FHIR server does not answer, or not as a SMART server does.');
  }
  if (!isSafe(configuration?.authorization_endpoint) || !isSafe(configuration.token_endpoint)) throw new LaunchFailure('The FHIR server names no authorisation server that can be used.');
  const methods = configuration.code_challenge_methods_supported;
  if (Array.isArray(methods) && !methods.includes('S256')) throw new LaunchFailure('The authorisation server has no PKCE with S256, without which this app does not log in.');
  return configuration;
}

// isSafe reports whether a token may go to an address: by https, or on this machine.
function isSafe(text) {
  const at = URL.parse?.(text) ?? (URL.canParse(text ?? '') ? new URL(text) : null);
  return at !== null && (at.protocol === 'https:' || (at.protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(at.hostname)));
}

async function askToken({ tokenEndpoint, clientId }, form) {
  let response;
  let token;
  try {
    response = await fetch(tokenEndpoint, { method: 'POST', body: new URLSearchParams({ ...form, client_id: clientId }), headers: { Accept: 'application/json' }, credentials: 'omit', redirect: 'error' });
    token = await response.json();
  } catch {
    throw new LaunchFailure('The authorisation server gives no token that can be read. If it is none of those that charthand knows, its settings have to name it (app.authServers).');
  }
  if (!response.ok || typeof token.access_token !== 'string' || !/^bearer$/i.test(token.token_type ?? '')) throw new LaunchFailure(`The authorisation server gave no token: ${token.error ?? response.status}`);
  return token;
}

// fhirContext are resources that the app is launched in front of, beside patient and encounter.
const contextOf = (context) => (Array.isArray(context) ? context.map((c) => c?.reference).filter((r) => /^(DocumentReference|DiagnosticReport)\//.test(r ?? '')) : []);

const tokenParts = (token) => ({ accessToken: token.access_token, ends: token.expires_in > 0 ? Date.now() + token.expires_in * 1000 : null, ...(token.refresh_token && { refreshToken: token.refresh_token }) });

// The token came from its endpoint over TLS, which stands for its signature (OpenID Connect Core, 3.1.3.7).
function check(claims, { issuer, clientId, nonce }) {
  const isOurs = [claims.aud].flat().includes(clientId) && (issuer === null || claims.iss === issuer) && (claims.nonce === undefined || claims.nonce === nonce);
  if (!isOurs || claims.exp * 1000 < Date.now() - 60_000) throw new LaunchFailure('What the server says of who is logged in is not meant for this app.');
}

function claimsOf(jwt) {
  try {
    const bytes = Uint8Array.from(atob(jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}

// The app's own address, from either of its pages.
const redirectURI = () => location.origin + location.pathname.replace(/\/launch$/, '');

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const challenge = async (verifier) => base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));

class Session {
  #kept;
  #renewing = null;

  constructor(kept) {
    this.#kept = kept;
  }

  get server() { return this.#kept.server; }
  get patient() { return this.#kept.patient; }
  get user() { return this.#kept.user; }
  get userName() { return this.#kept.userName; }
  get scope() { return this.#kept.scope; }
  get documents() { return this.#kept.documents; }
  get appContext() { return this.#kept.appContext; }

  async fetch(to, options = {}) {
    const at = new URL(to === '' ? this.server : to, `${this.server}/`);
    if (!at.href.startsWith(this.server) || !/^([/?]|$)/.test(at.href.slice(this.server.length))) throw new TypeError('an address elsewhere');
    if (this.#kept.ends !== null && this.#kept.ends - early < Date.now() && this.#kept.refreshToken) await this.#renew();
    const used = this.#kept.accessToken;
    const response = await this.#ask(at, options);
    if (response.status !== 401) return response;
    if (!this.#kept.refreshToken) throw new SignedOut();
    if (this.#kept.accessToken === used) await this.#renew();
    const again = await this.#ask(at, options);
    if (again.status === 401) throw new SignedOut();
    return again;
  }

  tokenOf(issuer) {
    return issuer && claimsOf(this.#kept.accessToken).iss === issuer ? this.#kept.accessToken : '';
  }

  keep() {
    sessionStorage.setItem(sessionKey, JSON.stringify(this.#kept));
  }

  end() {
    sessionStorage.removeItem(sessionKey);
  }

  #ask(at, { headers = {}, ...options }) {
    return fetch(at, { ...options, headers: { Accept: 'application/fhir+json', ...headers, Authorization: `Bearer ${this.#kept.accessToken}` }, credentials: 'omit', redirect: 'error', cache: 'no-store' });
  }

  // One at a time: a refresh token may be for one use.
  #renew() {
    this.#renewing ??= (async () => {
      try {
        const token = await askToken(this.#kept, { grant_type: 'refresh_token', refresh_token: this.#kept.refreshToken });
        if (token.patient !== undefined && token.patient !== this.patient) throw new SignedOut();
        Object.assign(this.#kept, tokenParts(token));
        this.keep();
      } catch {
        throw new SignedOut();
      } finally {
        this.#renewing = null;
      }
    })();
    return this.#renewing;
  }
}
