// The launch page of the SMART app: an EHR comes here with iss and launch; a reader without them chooses among the servers of the settings.
import { element } from './dom.js';
import { allowed, begin, LaunchFailure } from './smart.js';

const [message, choice] = ['message', 'choice'].map((id) => document.getElementById(id));
const asked = new URLSearchParams(location.search);

try {
  const config = await (await fetch('config.json')).json();
  const iss = asked.get('iss');
  if (config.fhirServers.length === 0) say('This app is not set up', 'Whoever runs this charthand has to name its FHIR servers and the app’s client id in the settings (app).');
  else if (iss !== null && !allowed(config, iss)) say('This app is not set up for this FHIR server', `It was launched with ${iss}, which is none of those in charthand’s settings (app.fhirServers). Nothing was asked of it.`);
  else if (iss !== null) await start(config, iss, asked.get('launch'));
  else choose(config);
} catch {
  say('The app does not start', 'charthand does not answer.');
}

async function start(config, server, launch) {
  try {
    await begin(config, { server, launch });
  } catch (error) {
    say('The launch failed', error instanceof LaunchFailure ? error.message : String(error));
  }
}

function choose(config) {
  const button = (server) => element('li', {}, element('button', { type: 'button', class: 'note-row', onclick: () => start(config, server, null) }, element('span', { class: 'note-title' }, new URL(server).host), element('span', { class: 'note-about' }, server)));
  choice.replaceChildren(element('div', { class: 'sheet' },
    element('h2', {}, 'Where is the patient’s record?'),
    element('p', { class: 'faint' }, 'You log in there, and choose a patient.'),
    element('ul', { class: 'note-list' }, ...config.fhirServers.map(button))));
  choice.hidden = false;
}

function say(title, words) {
  message.replaceChildren(element('h2', {}, title), element('p', {}, words));
  message.hidden = false;
}
