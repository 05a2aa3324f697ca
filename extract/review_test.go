package extract_test

import (
	"encoding/json"
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
	change := func(how func(r map[string]any)) func(*shelf, string) {
		return func(s *shelf, reference string) {
			how(s.held[reference])
			s.put(reference, s.held[reference], 2)
		}
	}
	decisions := map[string]struct {
		fact   string
		decide func(s *shelf, reference string)
	}{
		"confirmed": {"gout", change(func(r map[string]any) { r["verificationStatus"] = status("confirmed") })},
		"in error": {"gout", change(func(r map[string]any) {
			delete(r, "clinicalStatus")
			r["verificationStatus"] = status("entered-in-error")
		})},
		"refuted": {"gout", change(func(r map[string]any) {
			delete(r, "clinicalStatus")
			r["verificationStatus"] = status("refuted")
		})},
		"renamed":                                    {"gout", change(func(r map[string]any) { r["code"] = map[string]any{"text": "gouty arthritis"} })},
		"a problem seen, by a Provenance alone":      {"gout", reviewed},
		"a medication confirmed by Provenance alone": {"ceftriaxone", reviewed},
		"a procedure confirmed by Provenance alone":  {"appendectomy", reviewed},
	}
	const without = "Admitted with pneumonia. She is allergic to penicillin."
	amended := map[string]any{"docStatus": "amended"}
	events := map[string]func(s *shelf){
		"the same again":                func(s *shelf) { s.run(bundleOf(t, e, s.with(document("n1", "1", firstVersion, nil)))) },
		"amended, and said in new ways": func(s *shelf) { s.run(bundleOf(t, e, s.with(document("n1", "2", "Perhaps: "+firstVersion, amended)))) },
		"amended, and said no more":     func(s *shelf) { s.run(bundleOf(t, e, s.with(document("n1", "2", without, amended)))) },
		"said no more, and said again": func(s *shelf) {
			s.run(bundleOf(t, e, s.with(document("n1", "2", without, amended))))
			s.run(bundleOf(t, e, s.with(document("n1", "3", firstVersion, amended))))
		},
		"withdrawn": func(s *shelf) {
			s.run(bundleOf(t, e, s.with(document("n1", "2", firstVersion, map[string]any{"status": "entered-in-error"}))))
		},
		"a new model": func(s *shelf) { s.run(bundleOf(t, newer, s.with(document("n1", "1", firstVersion, nil)))) },
		"replaced": func(s *shelf) {
			s.run(bundleOf(t, e, s.with(document("n2", "1", without, map[string]any{"relatesTo": []any{map[string]any{"code": "replaces", "target": map[string]any{"reference": "DocumentReference/n1"}}}}),
				document("n1", "2", firstVersion, map[string]any{"status": "superseded"}))))
		},
	}
	for decision, made := range decisions {
		for event, happen := range events {
			t.Run(decision+", "+event, func(t *testing.T) {
				s := newShelf(t)
				s.run(bundleOf(t, e, s.with(document("n1", "1", firstVersion, nil))))
				reference := s.called(made.fact)
				made.decide(s, reference)
				before := encodedOf(t, s.held[reference])
				of := name(s.held[reference], "identifier")
				happen(s)
				if diff := cmp.Diff(before, encodedOf(t, s.held[reference])); diff != "" {
					t.Error(diff)
				}
				resourceType, _, _ := strings.Cut(reference, "/")
				same := 0
				for other, r := range s.held {
					if strings.HasPrefix(other, resourceType+"/") && (name(r, "identifier") == of || other != reference && strings.Contains(encodedOf(t, r), `"`+made.fact+`"`)) {
						same++
					}
				}
				if same != 1 {
					t.Errorf("%d resources of it", same)
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
