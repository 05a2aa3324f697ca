package relate_test

import (
	"strings"
	"testing"

	"charthand/nlp/relate"
	"charthand/nlp/text"

	"github.com/google/go-cmp/cmp"
)

// Mentions stand as [Label words]; what is linked is given as "modifier>modified", with the kind where rules told it.
func TestLinks(t *testing.T) {
	linker, err := relate.Default()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := relate.DefaultRules()
	if err != nil {
		t.Fatal(err)
	}
	roles := map[string]relate.Role{
		"Sign_symptom": relate.Problem | relate.Event, "Disease_disorder": relate.Problem | relate.Event, "Medication": relate.Drug | relate.Event,
		"Diagnostic_procedure": relate.Event, "Date": relate.Moment, "Duration": relate.Span,
	}
	for marked, want := range map[string][]string{
		"[Severity Severe] [Biological_structure chest] [Sign_symptom pain] [Duration for two days]":   {"Severe>pain", "chest>pain", "for two days>pain"},
		"[Diagnostic_procedure Na] [Lab_value 140], [Diagnostic_procedure K] [Lab_value 4.2]":          {"140>Na", "4.2>K"},
		"[Lab_value normal] [Diagnostic_procedure ECG]":                                                {"normal>ECG"},
		"[Medication aspirin] [Dosage 81 mg] for [Disease_disorder stroke]":                            {"81 mg>aspirin", "stroke>aspirin reason"},
		"[Sign_symptom rash] due to [Medication penicillin]":                                           {"rash>penicillin adverse"},
		"[Disease_disorder pneumonia] treated with [Medication azithromycin]":                          {"pneumonia>azithromycin reason"},
		"On [Date 3/14] a [Diagnostic_procedure CT] was done. [Diagnostic_procedure MRI] [Date later]": {"3/14>CT when", "later>MRI when"},
		"[Medication aspirin] and [Sign_symptom pain]":                                                 nil,
		"": nil,
	} {
		var body strings.Builder
		var mentions []relate.Mention
		var in []relate.Role
		for rest := marked; ; {
			before, after, found := strings.Cut(rest, "[")
			body.WriteString(before)
			if !found {
				break
			}
			inside, next, _ := strings.Cut(after, "]")
			label, words, _ := strings.Cut(inside, " ")
			mentions = append(mentions, relate.Mention{Span: text.Span{Start: body.Len(), End: body.Len() + len(words)}, Label: label})
			in = append(in, roles[label])
			body.WriteString(words)
			rest = next
		}
		x := text.New(body.String())
		sentences := x.Sentences()
		words := func(i int) string { return x.Body[mentions[i].Start:mentions[i].End] }
		var got []string
		links := linker.Link(x, sentences, mentions)
		for _, l := range links {
			got = append(got, words(l.From)+">"+words(l.To))
		}
		for _, l := range rules.Find(x, sentences, mentions, in, links) {
			got = append(got, words(l.From)+">"+words(l.To)+" "+string(l.Kind))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", marked, diff)
		}
	}
}
