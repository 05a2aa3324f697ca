package context_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"charthand/nlp/context"
	"charthand/nlp/text"

	"github.com/google/go-cmp/cmp"
)

var defaults = sync.OnceValues(context.Default)

// judge judges the mentions that stand in double square brackets, all of one kind, and gives flags, experiencer and cues of each.
func judge(t *testing.T, marked string, kind context.Kind, section string) []string {
	t.Helper()
	rules, err := defaults()
	if err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	var targets []context.Target
	for {
		before, rest, found := strings.Cut(marked, "[[")
		body.WriteString(before)
		if !found {
			break
		}
		words, after, _ := strings.Cut(rest, "]]")
		targets = append(targets, context.Target{Span: text.Span{Start: body.Len(), End: body.Len() + len(words)}, Kind: kind})
		body.WriteString(words)
		marked = after
	}
	x := text.New(body.String())
	var sections []context.Section
	if section != "" {
		sections = []context.Section{{Span: text.Span{Start: 0, End: body.Len()}, Heading: text.Span{Start: 0, End: 1}, Code: section}}
	}
	var got []string
	for _, j := range rules.Judge(x, 2024, x.Sentences(), sections, targets) {
		var said []string
		for flag, name := range map[context.Flags]string{
			context.Negated: "negated", context.RuledOut: "ruledOut", context.Uncertain: "uncertain", context.Hypothetical: "hypothetical",
			context.Planned: "planned", context.Historical: "historical", context.Resolved: "resolved",
		} {
			if j.Flags&flag != 0 {
				said = append(said, name)
			}
		}
		if len(said) > 1 {
			said = []string{fmt.Sprint(j.Flags)}
		}
		if j.Experiencer != context.Patient {
			said = append(said, j.Experiencer)
		}
		for _, cue := range j.Cues {
			said = append(said, cue.Rule+"="+x.Body[cue.Start:cue.End])
		}
		got = append(got, strings.Join(said, " "))
	}
	return got
}

func TestJudge(t *testing.T) {
	for marked, want := range map[string][]string{
		"Denies [[fever]], [[chills]], or [[pain]] but reports a [[cough]].": {"negated denies=Denies", "negated denies=Denies", "negated denies=Denies", ""},
		"No increase in the [[effusion]].":                                   {""},
		"[[Fever]]: none. [[Cough]]: yes.":                                   {"negated answered-no=none", ""},
		"[ ] [[chest pain]] [x] [[cough]]":                                   {"negated empty-box=[ ]", ""},
		"- [[CP]], + [[DOE]]":                                                {"negated minus=-", ""},
		"She is [[afebrile]].":                                               {"negated absent=afebrile"},
		"Ruled out for [[MI]].":                                              {"3 ruled-out-for=Ruled out for"},
		"[[Pneumonia]] vs. [[atelectasis]]":                                  {"uncertain versus=vs.", "uncertain versus=vs."},
		"Return for [[fever]].":                                              {"hypothetical if=Return for"},
		"History of [[stroke]] and [[hypertension]].":                        {"historical history-of=History of", ""},
		"Mother has [[diabetes]]; the patient denies it, but has [[thirst]].": {
			"MTH relative=Mother", ""},
		"Mom reports [[fever]].":                                      {""},
		"No [[stridor]] heard, [[barky cough]] only.":                 {"negated no=No", ""},
		"Her mother has [[asthma]] and the patient is [[exhausted]].": {"MTH relative=mother", ""},
		"No [[rash]], and her [[lymphedema]] is controlled.":          {"negated no=No", ""},
		"There is no reason for her [[fatigue]].":                     {""},
		"": nil,
	} {
		got := judge(t, marked, context.Problem, "")
		for i := range got {
			got[i] = strings.TrimRight(got[i], " ")
			if i < len(want) {
				want[i] = strings.TrimLeft(want[i], " ")
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", marked, diff)
		}
	}
	if got := judge(t, "Will start [[lisinopril]]; [[metformin]] was discontinued.", context.Drug, ""); !strings.HasPrefix(got[0], "planned") || !strings.Contains(got[1], "was-stopped") {
		t.Error(got)
	}
	if got := judge(t, "She declined [[colonoscopy]]; [[mammogram]] not done.", context.Test, ""); !strings.HasPrefix(got[0], "negated") || !strings.HasPrefix(got[1], "negated") {
		t.Error(got)
	}
	if got := judge(t, "F: [[gout]]", context.Problem, "10157-6"); got[0] != "FAMMEMB section=F" {
		t.Error(got)
	}
	if got := judge(t, "no [[left]]", context.Unjudged, ""); got[0] != "" {
		t.Error(got)
	}
}

func TestReadFaults(t *testing.T) {
	_, err := context.Read([]byte("cues:\n  - { rule: a, says: [negatted], looks: up, reach: far, of: [drugs], also: b, phrases: [\"(x\"] }\nsigns: { minus: a, plus: c }\n"))
	for _, want := range []string{"negatted", "looks: \"up\"", "reach: \"far\"", "drugs", "no rule \"b\"", "(x", "no rule \"c\""} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named: %v", want, err)
		}
	}
	if _, err := context.Read([]byte("cuse: []")); err == nil || !strings.Contains(err.Error(), "cuse") {
		t.Errorf("an unknown key should be named: %v", err)
	}
}

// A label that is a relative's makes the mention one, whoever its words name.
func TestFamilyLabel(t *testing.T) {
	rules, err := defaults()
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{"mother had breast cancer": "MTH", "consanguinity": "FAMMEMB"} {
		x := text.New(body)
		got := rules.Judge(x, 2024, x.Sentences(), nil, []context.Target{{Span: text.Span{Start: 0, End: len(body)}, Kind: context.Problem, Family: true}})
		if got[0].Experiencer != want {
			t.Errorf("%s: %s", body, got[0].Experiencer)
		}
	}
	x := text.New("Mother had gout. Has asthma.")
	got := rules.Judge(x, 2024, x.Sentences(), nil, []context.Target{
		{Span: text.Span{Start: 0, End: 6}, Kind: context.Problem, Family: true}, {Span: text.Span{Start: 11, End: 15}, Kind: context.Problem},
		{Span: text.Span{Start: 21, End: 27}, Kind: context.Problem},
	})
	if got[0].Experiencer != "MTH" || got[1].Experiencer != "MTH" || got[2].Experiencer != context.Patient {
		t.Error(got)
	}
}
