package extract_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"charthand/mapping"

	"github.com/google/go-cmp/cmp"
)

// What a person has decided of a fact, in whichever way, stays as it is whatever becomes of the note, and nothing is written beside it.
func TestReviews(t *testing.T) {
	e := newExtractor(t, lifeWords)
	newer := newExtractor(t, lifeWords)
	rules, err := mapping.DefaultRules()
	if err != nil {
		t.Fatal(err)
	}
	if newer.Mapper, err = mapping.New(mapping.Config{Rules: rules, Software: mapping.Software{Version: "test 2", Model: "another", ModelDigest: strings.Repeat("1", 64)}}); err != nil {
		t.Fatal(err)
	}
	status := func(code string) map[string]any {
		return map[string]any{"coding": []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": code}}}
	}
	reviewed := func(s *shelf, reference string) {
		s.put("Provenance/review", map[string]any{
			"resourceType": "Provenance", "recorded": "2025-06-02T08:00:00Z", "target": []any{map[string]any{"reference": reference + "/_history/1"}},
			"agent": []any{map[string]any{
				"type": map[string]any{"coding": []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "verifier"}}},
				"who":  map[string]any{"reference": "Practitioner/3"},
			}},
		}, 1)
	}
	otherWords := maps.Clone(lifeWords)
	delete(otherWords, "gout")
	otherWords["has gout"] = "Disease_disorder"
	inOtherWords := newExtractor(t, otherWords)
	inOtherWords.Mapper = newer.Mapper
	change := func(how func(r map[string]any)) func(*shelf, string) {
		return func(s *shelf, reference string) {
			how(s.held[reference])
			s.put(reference, s.held[reference], 2)
		}
	}
	const reasoned = "She has gout. Started on ceftriaxone 1 g IV daily for pneumonia. She is allergic to penicillin. She had an appendectomy in 2011."
	reasons := func(of ...string) func(*shelf, string) {
		return func(s *shelf, reference string) {
			list := []any{}
			for _, name := range of {
				if !strings.Contains(name, "/") {
					name = s.called(name)
				}
				list = append(list, map[string]any{"reference": name})
			}
			if s.held[reference]["reasonReference"] = list; len(list) == 0 {
				delete(s.held[reference], "reasonReference")
			}
			s.put(reference, s.held[reference], 2)
		}
	}
	decisions := map[string]struct {
		fact   string
		decide func(s *shelf, reference string)
		text   string
	}{
		"confirmed": {"gout", change(func(r map[string]any) { r["verificationStatus"] = status("confirmed") }), firstVersion},
		"in error": {"gout", change(func(r map[string]any) {
			delete(r, "clinicalStatus")
			r["verificationStatus"] = status("entered-in-error")
		}), firstVersion},
		"refuted": {"gout", change(func(r map[string]any) {
			delete(r, "clinicalStatus")
			r["verificationStatus"] = status("refuted")
		}), firstVersion},
		"renamed":                                    {"gout", change(func(r map[string]any) { r["code"] = map[string]any{"text": "gouty arthritis"} }), firstVersion},
		"a problem seen, by a Provenance alone":      {"gout", reviewed, firstVersion},
		"a medication confirmed by Provenance alone": {"ceftriaxone", reviewed, firstVersion},
		"a procedure confirmed by Provenance alone":  {"appendectomy", reviewed, firstVersion},
		"without its identifier":                     {"gout", change(func(r map[string]any) { delete(r, "identifier") }), firstVersion},
		"a drug without its identifier":              {"ceftriaxone", change(func(r map[string]any) { delete(r, "identifier") }), firstVersion},
		"with another's identifier": {"gout", change(func(r map[string]any) {
			r["identifier"] = []any{map[string]any{"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3.4"}}
		}), firstVersion},
		"renamed by a system that drops what it does not know, and keeps a history": {"gout", func(s *shelf, reference string) {
			s.keep(reference)
			change(func(r map[string]any) {
				delete(r, "identifier")
				delete(r, "extension")
				r["code"] = map[string]any{"text": "gouty arthritis"}
			})(s, reference)
		}, firstVersion},
		"deleted, where there is a history": {"gout", func(s *shelf, reference string) {
			s.keep(reference)
			delete(s.held, reference)
		}, firstVersion},
		"a deleted reason": {"pneumonia", func(s *shelf, reference string) {
			s.keep(reference)
			delete(s.held, reference)
		}, reasoned},
		"told in a narrative": {"gout", change(func(r map[string]any) {
			r["text"] = map[string]any{"status": "additional", "div": `<div xmlns="http://www.w3.org/1999/xhtml">Condition: gout, of the left toe, as she says.</div>`}
		}), firstVersion},
		"no longer labelled as a machine's": {"gout", change(func(r map[string]any) { delete(r["meta"].(map[string]any), "security") }), firstVersion},
		"given a reason of the note":        {"ceftriaxone", reasons("pneumonia"), firstVersion},
		"given another reason":              {"ceftriaxone", reasons("Condition/another"), firstVersion},
		"its reason another of the note":    {"ceftriaxone", reasons("gout"), reasoned},
		"its reason taken away":             {"ceftriaxone", reasons(), reasoned},
	}
	const without = "Admitted with pneumonia. She is allergic to penicillin."
	amended := map[string]any{"docStatus": "amended"}
	events := map[string]func(s *shelf, text string){
		"the same again": func(s *shelf, text string) { s.extract(e, document("n1", "1", text, nil)) },
		"amended, and said in new ways": func(s *shelf, text string) {
			s.extract(e, document("n1", "2", "Perhaps: "+text, amended))
		},
		"amended, and said no more": func(s *shelf, _ string) { s.extract(e, document("n1", "2", without, amended)) },
		"said no more, and said again": func(s *shelf, text string) {
			s.extract(e, document("n1", "2", without, amended))
			s.extract(e, document("n1", "3", text, amended))
		},
		"withdrawn": func(s *shelf, text string) {
			s.extract(e, document("n1", "2", text, map[string]any{"status": "entered-in-error"}))
		},
		"a new model":                 func(s *shelf, text string) { s.extract(newer, document("n1", "1", text, nil)) },
		"a new model, in other words": func(s *shelf, text string) { s.extract(inOtherWords, document("n1", "1", text, nil)) },
		"amended, in other words of a new model": func(s *shelf, text string) {
			s.extract(inOtherWords, document("n1", "2", text+" She was well.", amended))
		},
		"replaced": func(s *shelf, text string) {
			s.extract(e, document("n2", "1", without, map[string]any{"relatesTo": []any{map[string]any{"code": "replaces", "target": map[string]any{"reference": "DocumentReference/n1"}}}}),
				document("n1", "2", text, map[string]any{"status": "superseded"}))
		},
	}
	for decision, made := range decisions {
		for event, happen := range events {
			if decision == "renamed" && event == "amended, in other words of a new model" {
				continue // nothing tells any more that it is read in the same place
			}
			t.Run(decision+", "+event, func(t *testing.T) {
				s := newShelf(t)
				s.extract(e, document("n1", "1", made.text, nil))
				reference := s.called(made.fact)
				of := name(s.held[reference], "identifier")
				made.decide(s, reference)
				before := encodedOf(t, s.held[reference])
				happen(s, made.text)
				if diff := cmp.Diff(before, encodedOf(t, s.held[reference])); diff != "" {
					t.Error(diff)
				}
				resourceType, _, _ := strings.Cut(reference, "/")
				for other, r := range s.held {
					if other != reference && strings.HasPrefix(other, resourceType+"/") && (name(r, "identifier") == of || strings.Contains(encodedOf(t, r), made.fact+`"`)) {
						t.Errorf("%s was written beside it", other)
					}
				}
			})
		}
	}
}

func encodedOf(t *testing.T, r map[string]any) string {
	t.Helper()
	encoded, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// What others label stays labelled whatever becomes of a fact, and a label alone is no reason to write it again.
func TestLabels(t *testing.T) {
	e := newExtractor(t, lifeWords)
	machines := map[string]any{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "AIAST", "display": "Artificial Intelligence asserted"}
	restricted := map[string]any{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R", "display": "restricted", "userSelected": true}
	ward := map[string]any{"system": "https://example.org/wards", "code": "7"}
	const profile = "https://example.org/StructureDefinition/problem"
	labelled := func() *shelf {
		s := newShelf(t)
		s.extract(e, document("n1", "1", firstVersion, nil))
		meta := s.held[s.called("gout")]["meta"].(map[string]any)
		meta["security"], meta["tag"], meta["profile"] = []any{restricted, machines}, []any{ward}, []any{profile}
		meta["lastUpdated"], meta["source"] = "2025-06-02T08:00:00Z", "#server"
		return s
	}
	labels := map[string]any{"security": []any{restricted, machines}, "tag": []any{ward}, "profile": []any{profile}}
	for name, test := range map[string]struct {
		happen  func(s *shelf)
		version string
		state   string
		labels  func(meta map[string]any)
	}{
		"the same again": {func(s *shelf) { s.extract(e, document("n1", "1", firstVersion, nil)) }, "1", "active unconfirmed", func(meta map[string]any) {
			meta["lastUpdated"], meta["source"] = "2025-06-02T08:00:00Z", "#server"
		}},
		"said in new ways": {func(s *shelf) {
			s.extract(e, document("n1", "2", strings.Replace(firstVersion, "She has gout", "She may have gout", 1), nil))
		}, "2", "active provisional", func(map[string]any) {}},
		"said no more": {func(s *shelf) { s.extract(e, document("n1", "2", "Admitted with pneumonia.", nil)) }, "2", "entered-in-error", func(meta map[string]any) {
			delete(meta, "profile") // it may not conform any more
			meta["lastUpdated"], meta["source"] = "2025-06-02T08:00:00Z", "#server"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := labelled()
			gout := s.called("gout")
			test.happen(s)
			want := maps.Clone(labels)
			want["versionId"] = test.version
			test.labels(want)
			if diff := cmp.Diff(want, s.held[gout]["meta"]); diff != "" {
				t.Error(diff)
			}
			if got := s.states()["gout"]; got != test.state {
				t.Errorf("it is %s", got)
			}
		})
	}
}

// In other words, a fact that a person has decided on is not written beside the decision; what may be another is.
func TestOtherWords(t *testing.T) {
	for name, test := range map[string]struct {
		text         string
		first, later marking
		decided      []string
		stripped     []string
		gone         []string
		written      []string
	}{
		"with more words":              {"She has severe gout.", marking{"gout": "Disease_disorder"}, marking{"severe gout": "Disease_disorder"}, []string{"gout"}, nil, nil, nil},
		"with fewer":                   {"She has severe gout.", marking{"severe gout": "Disease_disorder"}, marking{"gout": "Disease_disorder"}, []string{"severe gout"}, nil, nil, nil},
		"no decision":                  {"She has severe gout.", marking{"gout": "Disease_disorder"}, marking{"severe gout": "Disease_disorder"}, nil, nil, nil, []string{"severe gout"}},
		"another thing in the joint":   {"Lung cancer with brain metastases.", marking{"Lung cancer": "Disease_disorder"}, marking{"Lung cancer with brain metastases": "Disease_disorder"}, []string{"Lung cancer"}, nil, nil, []string{"Lung cancer with brain metastases"}},
		"another thing before":         {"Brain metastases of lung cancer.", marking{"lung cancer": "Disease_disorder"}, marking{"Brain metastases of lung cancer": "Disease_disorder"}, []string{"lung cancer"}, nil, nil, []string{"Brain metastases of lung cancer"}},
		"one that becomes two":         {"Bone pain fracture.", marking{"Bone pain fracture": "Disease_disorder"}, marking{"Bone pain": "Disease_disorder", "fracture": "Disease_disorder"}, []string{"Bone pain fracture"}, nil, nil, []string{"Bone pain", "fracture"}},
		"two that become one":          {"Bone pain fracture.", marking{"Bone pain": "Disease_disorder", "fracture": "Disease_disorder"}, marking{"Bone pain fracture": "Disease_disorder"}, []string{"fracture"}, nil, nil, []string{"Bone pain fracture"}},
		"words that only overlap":      {"Acute chest pain syndrome.", marking{"Acute chest pain": "Disease_disorder"}, marking{"chest pain syndrome": "Disease_disorder"}, []string{"Acute chest pain"}, nil, nil, []string{"chest pain syndrome"}},
		"another place":                {"She has gout. She has asthma.", marking{"gout": "Disease_disorder"}, marking{"asthma": "Disease_disorder"}, []string{"gout"}, nil, nil, []string{"asthma"}},
		"another type":                 {"She had an appendectomy.", marking{"appendectomy": "Therapeutic_procedure"}, marking{"an appendectomy": "Disease_disorder"}, []string{"appendectomy"}, nil, nil, []string{"an appendectomy"}},
		"another time":                 {"Appendectomy done in 2011.", marking{"Appendectomy": "Therapeutic_procedure"}, marking{"Appendectomy done": "Therapeutic_procedure", "2011": "Date"}, []string{"Appendectomy"}, nil, nil, []string{"Appendectomy done"}},
		"stripped, in the same words":  {"She has gout.", marking{"gout": "Disease_disorder"}, marking{"gout": "Disease_disorder"}, nil, []string{"gout"}, nil, nil},
		"stripped, in other words":     {"She has severe gout.", marking{"gout": "Disease_disorder"}, marking{"severe gout": "Disease_disorder"}, nil, []string{"gout"}, nil, []string{"severe gout"}},
		"stripped, of another type":    {"She had an appendectomy.", marking{"appendectomy": "Therapeutic_procedure"}, marking{"appendectomy": "Disease_disorder"}, nil, []string{"appendectomy"}, nil, []string{"appendectomy"}},
		"deleted, and with more words": {"She has severe gout.", marking{"gout": "Disease_disorder"}, marking{"severe gout": "Disease_disorder"}, nil, nil, []string{"gout"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.extract(newExtractor(t, test.first), document("n1", "1", test.text, nil))
			for _, words := range test.decided {
				reference := s.called(words)
				s.held[reference]["note"] = []any{map[string]any{"text": "I agree."}}
				s.put(reference, s.held[reference], 2)
			}
			for _, words := range test.stripped { // of all that charthand would know it by, where no history tells
				reference := s.called(words)
				delete(s.held[reference], "identifier")
				delete(s.held[reference], "extension")
				s.put(reference, s.held[reference], 2)
			}
			for _, words := range test.gone {
				reference := s.called(words)
				s.keep(reference)
				delete(s.held, reference)
			}
			before := maps.Clone(s.held)
			s.extract(newExtractor(t, test.later), document("n1", "1", test.text, nil))
			written := []string{}
			for reference, r := range s.held {
				if words, is := at(r, "code", "text").(string); is && before[reference] == nil {
					written = append(written, words)
				}
			}
			slices.Sort(written)
			if diff := cmp.Diff(append([]string{}, test.written...), written); diff != "" {
				t.Error(diff)
			}
			for reference, r := range before {
				if version := at(s.held[reference], "meta", "versionId"); at(r, "meta", "versionId") == "2" && version != "2" {
					t.Errorf("%s has version %v", reference, version)
				}
			}
		})
	}
}

// What somebody has deleted is no reason of a drug any more: most servers take no reference to it.
func TestDeletedReason(t *testing.T) {
	const text = "Started on ceftriaxone 1 g IV daily for pneumonia."
	e := newExtractor(t, lifeWords)
	s := newShelf(t)
	s.extract(e, document("n1", "1", text, nil))
	pneumonia, drug := s.called("pneumonia"), s.called("ceftriaxone")
	if diff := cmp.Diff([]any{map[string]any{"reference": pneumonia}}, s.held[drug]["reasonReference"]); diff != "" {
		t.Fatal(diff)
	}
	s.keep(pneumonia)
	delete(s.held, pneumonia)
	for range 2 {
		s.extract(e, document("n1", "1", text, nil))
	}
	if reasons, version := s.held[drug]["reasonReference"], at(s.held[drug], "meta", "versionId"); reasons != nil || version != "2" {
		t.Errorf("version %v is for %v", version, reasons)
	}
}

// A fact that was deleted, and stands there again, is no duplicate of what it was.
func TestWrittenAgain(t *testing.T) {
	e := newExtractor(t, lifeWords)
	s := newShelf(t)
	s.extract(e, document("n1", "1", "She has gout.", nil))
	gout := s.called("gout")
	s.past["Condition/0"] = json.RawMessage(encodedOf(t, s.held[gout]))
	for _, r := range s.held {
		if targets, ok := r["target"].([]any); ok {
			r["target"] = append([]any{map[string]any{"reference": "Condition/0"}}, targets...)
		}
	}
	result := s.extract(e, document("n1", "1", "She has gout.", nil))
	var told []string
	for _, issue := range result.Outcome.Issues {
		if strings.Contains(issue.Diagnostics, "Condition/") {
			told = append(told, issue.Diagnostics)
		}
	}
	if diff := cmp.Diff([]string{gout + ": unchanged"}, told); diff != "" {
		t.Error(diff)
	}
}

// A drug is still charthand's where its reason is not any more, or never was on the server: nobody has changed the drug.
func TestReasonOfNobody(t *testing.T) {
	const text = "Started on ceftriaxone 1 g IV daily for pneumonia."
	e := newExtractor(t, lifeWords)
	for name, happen := range map[string]func(s *shelf, pneumonia, drug string){
		"the server did not take it": func(s *shelf, pneumonia, drug string) {
			delete(s.held, pneumonia)
			delete(s.held[drug], "reasonReference")
			for _, r := range s.held {
				if targets, ok := r["target"].([]any); ok {
					r["target"] = slices.DeleteFunc(targets, func(target any) bool { return at(target, "reference") == pneumonia })
				}
			}
		},
		"its identifier is gone":                 func(s *shelf, pneumonia, _ string) { delete(s.held[pneumonia], "identifier") },
		"it is deleted, and there is no history": func(s *shelf, pneumonia, _ string) { delete(s.held, pneumonia) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.extract(e, document("n1", "1", text, nil))
			drug := s.called("ceftriaxone")
			happen(s, s.called("pneumonia"), drug)
			s.extract(e, document("n1", "1", text, nil))
			reasons, _ := s.held[drug]["reasonReference"].([]any)
			if is := len(reasons) == 1 && at(reasons[0], "reference") == s.called("pneumonia"); !is {
				t.Errorf("it is given for %v", reasons)
			}
			s.extract(e, document("n1", "2", text, map[string]any{"status": "entered-in-error"}))
			if state := s.states()["ceftriaxone"]; state != "entered-in-error" {
				t.Errorf("the drug is %s", state)
			}
		})
	}
}
