package words_test

import (
	"strings"
	"testing"

	"charthand/terminology/words"

	"github.com/google/go-cmp/cmp"
)

func former(t testing.TB) *words.Former {
	t.Helper()
	f, err := words.Default()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// form gives the words that are not optional, then those that are, in brackets.
func form(f *words.Former, name string) string {
	var list []string
	for _, w := range f.Form(name) {
		if w.Optional {
			list = append(list, "("+w.Text+")")
		} else {
			list = append(list, w.Text)
		}
	}
	return strings.Join(list, " ")
}

// Names that mean the same have the same form.
func TestSameForm(t *testing.T) {
	f := former(t)
	for _, group := range [][]string{
		{"Crohn's disease", "crohn’s Diseases", "CROHNS DISEASE"},
		{"anaemia", "Anemia", "anæmia"},
		{"oesophageal tumours", "esophageal tumor"},
		{"haemorrhage of the liver", "hepatic hemorrhage of", "hepatic bleeding"},
		{"type II diabetes", "diabetes, type 2", "type two diabetes"},
		{"malignant neoplasm of breast", "breast cancer"},
		{"non-rheumatic", "nonrheumatic", "not rheumatic"},
		{"fractures of ribs", "rib fracture"},
		{"cirrhotic", "cirrhosis"},
		{"déjà vu", "deja vu"},
	} {
		for _, name := range group[1:] {
			if a, b := sorted(form(f, group[0])), sorted(form(f, name)); a != b {
				t.Errorf("%q is %q, %q is %q", group[0], a, name, b)
			}
		}
	}
}

func sorted(s string) string {
	list := strings.Fields(s)
	for i := range list {
		for j := i; j > 0 && list[j] < list[j-1]; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	return strings.Join(list, " ")
}

// Names that do not mean the same have not.
func TestOtherForm(t *testing.T) {
	f := former(t)
	for _, pair := range [][2]string{
		{"type 1 diabetes", "type 2 diabetes"}, {"migraine with aura", "migraine without aura"}, {"rheumatic", "nonrheumatic"}, {"hypertension", "hypotension"},
		{"hepatitis A", "hepatitis B"}, {"left knee", "right knee"}, {"acute", "chronic"}, {"hyperthyroidism", "hypothyroidism"}, {"nephritis", "nephrosis"}, {"stage 3", "stage 4"},
	} {
		if a, b := sorted(form(f, pair[0])), sorted(form(f, pair[1])); a == b {
			t.Errorf("%q and %q are both %q", pair[0], pair[1], a)
		}
	}
}

func TestForm(t *testing.T) {
	f := former(t)
	got := map[string]string{}
	for name := range map[string]bool{"Essential (primary) hypertension": true, "Cholera, unspecified": true, "without obstruction or gangrene": true, "(all in brackets)": true, "a ( b": true, "": true} {
		got[name] = form(f, name)
	}
	want := map[string]string{
		"Essential (primary) hypertension": "essent (primar) hypertens", "Cholera, unspecified": "cholera (unspecifi)", "without obstruction or gangrene": "!obstruct !gangren",
		"(all in brackets)": "all bracket", "a ( b": "a b", "": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRead(t *testing.T) {
	for data, want := range map[string]string{
		"stops: [a]":           "unknown field",
		"same: [one]":          `"one" is one word`,
		"same: [a1 b1, c1 b1]": `"b1" stands in two groups`,
		"phrases: {'-': 'x'}":  `"-" has no words`,
		"endings: ['']":        `"" is none`,
	} {
		if _, err := words.Read([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", data, err, want)
		}
	}
}

func FuzzForm(f *testing.F) {
	for _, seed := range []string{"Type II diabetes mellitus (unspecified)", "without aura", "’s’s", "((((", "5mg/kg%", "œdème"} {
		f.Add(seed)
	}
	former := former(f)
	f.Fuzz(func(t *testing.T, name string) {
		formed := former.Form(name)
		if len(formed) > 2*len(name)+8 {
			t.Errorf("%d words of %d bytes", len(formed), len(name))
		}
		for _, w := range formed {
			if w.Text == "" {
				t.Errorf("an empty word of %q", name)
			}
		}
		words.Plain(name)
	})
}
