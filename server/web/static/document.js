// What is sent for a text or a file: a DocumentReference.
//
//   fromText(text, { patient, date })               → the resource, as JSON
//   await fromFile(file, { patient, date })         → the same; a FHIR resource in JSON is sent as it is. Throws a TooLarge.

// note.MaxBytes: what is larger is no note.
const mostBytes = 24 << 20;

export class TooLarge extends Error {}

const contentTypes = {
  txt: 'text/plain', text: 'text/plain', md: 'text/plain', htm: 'text/html', html: 'text/html', xhtml: 'application/xhtml+xml', rtf: 'application/rtf',
  xml: 'text/xml', cda: 'text/xml', ccda: 'text/xml', pdf: 'application/pdf',
};

export const fromText = (text, about) => resource(base64(new TextEncoder().encode(text)), 'text/plain; charset=utf-8', undefined, about);

export async function fromFile(file, about) {
  if (file.size > mostBytes) throw new TooLarge(`${file.name} has ${file.size} bytes; ${mostBytes} are the most that is read.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const ending = file.name.toLowerCase().split('.').at(-1);
  if (ending === 'json' || /json/.test(file.type)) {
    const text = new TextDecoder().decode(bytes);
    if (isResource(text)) return text;
  }
  return resource(base64(bytes), contentTypes[ending] ?? (ending === 'json' ? 'text/plain' : file.type || 'text/plain'), file.name, about);
}

// isResource(text) → whether it is a FHIR resource in JSON.
export function isResource(text) {
  if (!/^\s*\{/.test(text)) return false;
  try {
    return typeof JSON.parse(text).resourceType === 'string';
  } catch {
    return false;
  }
}

function resource(data, contentType, title, { patient, date }) {
  return JSON.stringify({
    resourceType: 'DocumentReference',
    status: 'current',
    subject: { reference: patient },
    date: date ? `${date}T00:00:00Z` : undefined,
    content: [{ attachment: { contentType, data, title } }],
  });
}

// base64(bytes) → the bytes in base64.
export function base64(bytes) {
  const pieces = [];
  for (let i = 0; i < bytes.length; i += 0x8000) pieces.push(String.fromCharCode(...bytes.subarray(i, i + 0x8000)));
  return btoa(pieces.join(''));
}
