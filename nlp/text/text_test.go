package text_test

import (
	"strings"
	"testing"

	"charthand/nlp/text"

	"github.com/google/go-cmp/cmp"
)

func sentences(body string) []string {
	t := text.New(body)
	var found []string
	for _, run := range t.Sentences() {
		s := t.Span(run.From, run.To)
		found = append(found, t.Body[s.Start:s.End])
	}
	return found
}

func TestSentences(t *testing.T) {
	wrapped := "The patient is a pleasant woman who came to the clinic today because of her\nchronic cough. She was seen by Dr. Harrow and by the resident of the\nMedicine service, and she feels better."
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"prose":                 {"Mr. Harrow has pain. He takes 2.5 mg b.i.d. for it! Better?", []string{"Mr. Harrow has pain.", "He takes 2.5 mg b.i.d. for it!", "Better?"}},
		"a missing blank":       {"No edema.No cough", []string{"No edema.", "No cough"}},
		"a list":                {"1. Asthma\n2. Gout\n- fever\n- cough", []string{"1. Asthma", "2. Gout", "- fever", "- cough"}},
		"headings":              {"PMH:\nDM2\nFever: none\nCough: yes", []string{"PMH:", "DM2", "Fever: none", "Cough: yes"}},
		"no final stop":         {"afebrile\n\nlungs clear", []string{"afebrile", "lungs clear"}},
		"wrapped at a width":    {wrapped, []string{strings.Split(wrapped, " She")[0], "She" + strings.Split(wrapped, " She")[1]}},
		"a line that goes on":   {"Started on metformin and\nlisinopril.", []string{"Started on metformin and\nlisinopril."}},
		"a question answered":   {"Cough? No. Fever? Yes.", []string{"Cough? No.", "Fever? Yes."}},
		"one long line":         {strings.Repeat("word ", 40) + "\nNext line", []string{strings.TrimSpace(strings.Repeat("word ", 40)), "Next line"}},
		"transcript":            {"PROCEDURE: , Circumcision.,ANESTHESIA: , Local.", []string{"PROCEDURE: , Circumcision.,ANESTHESIA: , Local."}},
		"a species":             {"His C. difficile colitis is gone. A rash is new.", []string{"His C. difficile colitis is gone.", "A rash is new."}},
		"nothing":               {" \n\t ", nil},
		"abbreviated at a stop": {"Seen at 8 a.m. The rash is gone.", []string{"Seen at 8 a.m.", "The rash is gone."}},
	} {
		if diff := cmp.Diff(test.want, sentences(test.body)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Tokens are exact slices, in order; every token is in one sentence.
func TestTokens(t *testing.T) {
	body := "500mg Ménière’s 12,500 .5 3.2x10^5 🙂 q4-6h\u00a0a"
	x := text.New(body)
	var words []string
	for i, token := range x.Tokens {
		if i > 0 && token.Start < x.Tokens[i-1].End {
			t.Fatalf("token %d begins inside the one before it", i)
		}
		words = append(words, body[token.Start:token.End])
	}
	want := []string{"500", "mg", "Ménière", "’", "s", "12,500", ".", "5", "3.2", "x", "10", "^", "5", "🙂", "q", "4", "-", "6", "h", "a"}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Error(diff)
	}
	covered := 0
	for _, run := range x.Sentences() {
		if run.From != covered || run.To <= run.From {
			t.Fatalf("sentence %v after token %d", run, covered)
		}
		covered = run.To
	}
	if covered != len(x.Tokens) {
		t.Errorf("%d of %d tokens are in sentences", covered, len(x.Tokens))
	}
}

func TestCover(t *testing.T) {
	x := text.New("no  fever today")
	for _, test := range []struct {
		span text.Span
		want text.Run
	}{
		{text.Span{Start: 4, End: 9}, text.Run{From: 1, To: 2}}, {text.Span{Start: 0, End: 15}, text.Run{From: 0, To: 3}},
		{text.Span{Start: 2, End: 4}, text.Run{From: 1, To: 1}}, {text.Span{Start: 6, End: 11}, text.Run{From: 1, To: 3}},
	} {
		if got := x.Cover(test.span); got != test.want {
			t.Errorf("%v covers %v, want %v", test.span, got, test.want)
		}
	}
	long := text.New(strings.Repeat("a ", 500))
	if got := long.Cover(text.Span{Start: 10, End: 901}); got != (text.Run{From: 5, To: 451}) {
		t.Errorf("a long span covers %v", got)
	}
}

func TestLexicon(t *testing.T) {
	l := text.NewLexicon()
	for id, pattern := range []string{"no", "no [clear|definite] evidence [of]", `\[ \]`, "status-post"} {
		if err := l.Add(pattern, id); err != nil {
			t.Fatal(err)
		}
	}
	x := text.New("NO definite\nevidence of it, no; [ ] cough, status post")
	var got []string
	l.Find(x, 0, len(x.Tokens), func(m text.Match) {
		s := x.Span(m.From, m.To)
		got = append(got, x.Body[s.Start:s.End])
	})
	if diff := cmp.Diff([]string{"NO definite\nevidence of", "no", "[ ]"}, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "(a", "[a(b)]", `a\`, strings.Repeat("(a|b|c|d|e|f|g|h|i|j)", 6)} {
		if err := l.Add(bad, 9); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
