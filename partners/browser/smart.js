// A clinic for the tests of the SMART app, all of it started by the test and ended with it, on free ports: a HAPI FHIR server, the authorisation
// server of partners/smart before it, and charthand beside it. Nothing is approved by hand unless a test wants to: control({ approve: false }).
//
//   site({ settings, clientId })       → s, after 15 to 25 s. settings({ iss, clientId }) gives lines of YAML for charthand's settings
//     s.address                          charthand's: the app is at s.app = `${s.address}/app` (its redirect URI), its launch page at s.launch = `${s.app}/launch`
//     s.iss                              the FHIR server as the app sees it; s.smart is the origin of the authorisation server, s.fhir HAPI's own base, for tests alone
//     s.clientId, s.user                 the registered public client, "charthand-app" by default, and who is logged in ("Practitioner/…", Dr. Ada Test)
//     s.createPatient(family)            → id
//     s.createNote(patient, text, more)  → note (the DocumentReference, as the server has it), after charthand has written what it says
//     s.amendNote(note, text, more)      → note with another text, docStatus amended; as above. more holds elements of the DocumentReference
//     s.rerun(note)                      → the same note in a new version that says the same; as above
//     s.upgrade(version)                 starts charthand anew, at the same address, with a model that calls itself another version
//     s.facts(patient)                   → the resources that charthand has made of the patient's notes, ordered by type and words
//     s.words(fact)                      → what a fact is called: "gout"
//     s.reviews(reference)               → the Provenances of people ("verifier") that target a fact, the oldest first
//     s.read(reference), s.search(query), s.create(resource), s.update(resource, ifMatch)   at HAPI, behind the app's back; search gives all that is found
//     s.control(change)                  changes how the authorisation server behaves, until changed again:
//         approve     true: no page is shown; false: the page of logging in, choosing a patient and allowing it
//         patient     the id of whom a standalone launch is about where no page is shown
//         user        "Practitioner/…", who is logged in
//         scopes      the most that is granted, '' for whatever is asked for: 'openid fhirUser launch patient/*.rs' makes a read-only app
//         tokenLife   seconds that a token is good for, 3600 by default
//         refuse      'authorize' (access_denied), 'token', 'refresh' (invalid_grant), 'fhir' (403 for everything), '' by default
//         delay       milliseconds that every answer takes
//         banner      need_patient_banner, true by default
//     s.revoke()                         ends all access tokens; refresh tokens stay. s.revoke(true) ends those as well
//     s.asked()                          → what the authorisation server and the FHIR server have been asked by browsers since the last call: [{ method, path, status }]
//     s.stop()
//
//   openApp(browser, s, options)       → a page as of open() in charthand.js, which may ask s.iss too; page.site is s
//   launchFromEHR(page, { patient, encounter, document, user })   goes through the EHR's launch, and waits until the browser is back at the app
//   launchStandalone(page)             goes to the app's launch page with iss alone, and waits as above: set control({ patient }) first
//   consent(page, { patient, user, allow })   fills in the authorisation server's page (control({ approve: false })): navigate yourself, then consent
//
// Both launches take { wait: false }, to go on where no return to the app is to be expected.
