package extract_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"charthand/extract"
	"charthand/fhir"
	"charthand/fixtures"
	"charthand/mapping"
	"charthand/nlp"
	"charthand/note"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the expected Bundles anew")

// given is the stage that stands in for the model: the entities marked by hand.
type given []nlp.Entity

func (g given) Annotate(_ context.Context, d *nlp.Document) error {
	d.Entities = append([]nlp.Entity(nil), g...)
	d.Coverage = nlp.Coverage{Characters: d.Text.CodePoints(), Read: d.Text.CodePoints()}
	return nil
}

// understanding is made once for all tests.
var understanding = sync.OnceValues(nlp.Understanding)

func newExtractor(t testing.TB, recognizer nlp.Annotator) *extract.Extractor {
	t.Helper()
	rules, err := mapping.DefaultRules()
	if err != nil {
		t.Fatal(err)
	}
	mapper, err := mapping.New(mapping.Config{
		Rules:    rules,
		Software: mapping.Software{Version: "test", Model: "marked by hand", ModelDigest: strings.Repeat("0", 64)},
		Now:      func() time.Time { return time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	stages, err := understanding()
	if err != nil {
		t.Fatal(err)
	}
	return &extract.Extractor{Pipeline: append(nlp.Pipeline{recognizer}, stages...), Mapper: mapper}
}

func bundleOf(t testing.TB, e *extract.Extractor, document []byte) []byte {
	t.Helper()
	documents, err := fhir.ReadDocuments(document)
	if err != nil {
		t.Fatal(err)
	}
	result, err := e.Extract(context.Background(), documents[0])
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := fhir.Encode(result.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// byEntry lays a Bundle out with one entry a line, so that a change shows as the facts that it touches.
func byEntry(t testing.TB, data []byte) string {
	t.Helper()
	var bundle struct {
		ResourceType string            `json:"resourceType"`
		Type         string            `json:"type"`
		Entry        []json.RawMessage `json:"entry"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&bundle); err != nil {
		t.Fatal(err)
	}
	lines := make([]string, len(bundle.Entry))
	for i, entry := range bundle.Entry {
		lines[i] = string(entry)
	}
	return fmt.Sprintf("{\"resourceType\":%q,\"type\":%q,\"entry\":[\n%s\n]}\n", bundle.ResourceType, bundle.Type, strings.Join(lines, ",\n"))
}

// The marked entities of every note make exactly the Bundle on file, and make it twice.
func TestGolden(t *testing.T) {
	names := fixtures.Names(t)
	if len(names) < 12 {
		t.Errorf("%d notes, expected at least 12", len(names))
	}
	validating, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err != nil {
		t.Fatal(err)
	}
	longest := 0
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			longest = max(longest, note.NewText(fixtures.Note(t, name)).CodePoints())
			e := newExtractor(t, given(fixtures.Entities(t, name)))
			got := bundleOf(t, e, fixtures.Document(t, name))
			if again := bundleOf(t, e, fixtures.Document(t, name)); !bytes.Equal(got, again) {
				t.Error("the same note gave two different Bundles")
			}
			if _, err := validating.Unmarshal(got); err != nil {
				t.Errorf("the Bundle is not R4: %v", err)
			}
			laid := byEntry(t, got)
			if *update {
				if err := os.WriteFile(filepath.Join("..", "fixtures", "bundles", name+".json"), []byte(laid), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(fixtures.Bundle(name)), laid); diff != "" {
				t.Errorf("the Bundle is not the one on file (go test ./extract -update writes it anew):\n%s", diff)
			}
		})
	}
	if longest <= 20000 {
		t.Errorf("the longest note has %d characters, expected more than 20,000", longest)
	}
}

// resource is what the evidence test reads of a resource.
type resource struct {
	ResourceType string                `json:"resourceType"`
	Code         struct{ Text string } `json:"code"`
	Medication   struct{ Text string } `json:"medicationCodeableConcept"`
	Condition    []struct {
		Code struct{ Text string } `json:"code"`
	} `json:"condition"`
	Extension []struct {
		URL       string `json:"url"`
		Extension []struct {
			URL       string                     `json:"url"`
			Integer   int                        `json:"valueInteger"`
			Text      string                     `json:"valueString"`
			Reference struct{ Reference string } `json:"valueReference"`
		} `json:"extension"`
	} `json:"extension"`
}

// Every span of evidence in every Bundle on file, sliced from the decoded attachment, is a mention that was marked by hand, and one of
// each resource's is what it is called. The slice is made here from the JSON alone, with none of charthand's code.
func TestEvidenceIsTheMention(t *testing.T) {
	spans := 0
	for _, name := range fixtures.Names(t) {
		t.Run(name, func(t *testing.T) {
			var document struct {
				ID      string `json:"id"`
				Content []struct {
					Attachment struct {
						ContentType string `json:"contentType"`
						Data        string `json:"data"`
					} `json:"attachment"`
				} `json:"content"`
			}
			var bundle struct {
				Entry []struct {
					Resource resource `json:"resource"`
				} `json:"entry"`
			}
			if err := json.Unmarshal(fixtures.Document(t, name), &document); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(fixtures.Bundle(name), &bundle); err != nil {
				t.Fatal(err)
			}
			data, err := base64.StdEncoding.DecodeString(document.Content[0].Attachment.Data)
			if err != nil {
				t.Fatal(err)
			}
			text := []rune(string(data))
			if strings.Contains(document.Content[0].Attachment.ContentType, "windows-1252") {
				text = []rune(fixtures.Note(t, name)) // the fixture test below shows that the two are the same
			}
			marked := map[[2]int]bool{} // offset and length in code points
			for _, e := range fixtures.Entities(t, name) {
				note := fixtures.Note(t, name)
				marked[[2]int{utf8.RuneCountInString(note[:e.Start]), utf8.RuneCountInString(note[e.Start:e.End])}] = true
			}
			for _, entry := range bundle.Entry {
				r := entry.Resource
				if r.ResourceType == "Device" || r.ResourceType == "Provenance" {
					continue
				}
				concept, found := strings.ToLower(r.Code.Text+r.Medication.Text), 0
				for _, condition := range r.Condition {
					concept += strings.ToLower(condition.Code.Text)
				}
				// A measurement and "no known allergies" are not called by the note's words; what one is allergic to may not be marked.
				named := concept == "body height" || concept == "body weight" || strings.HasPrefix(concept, "no known")
				for _, extension := range r.Extension {
					if extension.URL != "http://hl7.org/fhir/StructureDefinition/derivation-reference" {
						continue
					}
					offset, length := -1, -1
					for _, part := range extension.Extension {
						switch part.URL {
						case "offset":
							offset = part.Integer
						case "length":
							length = part.Integer
						case "path":
							if part.Text != "DocumentReference.content[0].attachment.data" {
								t.Errorf("path %q", part.Text)
							}
						case "reference":
							if part.Reference.Reference != "DocumentReference/"+document.ID {
								t.Errorf("reference %q", part.Reference.Reference)
							}
						}
					}
					if offset < 0 || length <= 0 || offset+length > len(text) {
						t.Fatalf("evidence at %d+%d of %d", offset, length, len(text))
					}
					words := strings.ToLower(strings.Join(strings.Fields(string(text[offset:offset+length])), " "))
					if !marked[[2]int{offset, length}] && r.ResourceType != "AllergyIntolerance" {
						t.Errorf("%s %q has the evidence %q, which is no mention", r.ResourceType, concept, words)
					}
					// The words of a fact are those of a mention, but for a relative, an allergy, and what it ends with by mistake.
					named = named || trim(words) == trim(concept) || (r.ResourceType == "FamilyMemberHistory" || r.ResourceType == "AllergyIntolerance") && strings.Contains(words, concept)
					found++
				}
				if found == 0 || !named {
					t.Errorf("%s %q has no evidence", r.ResourceType, concept)
				}
				spans += found
			}
		})
	}
	if spans < 500 {
		t.Errorf("only %d spans were looked at", spans)
	}
}

// trim leaves out what mentions of one concept may differ in.
func trim(s string) string { return strings.Trim(s, ".,:;'\"“”#*") }

// Every document carries exactly its note, whatever the charset.
func TestDocumentsCarryTheirNotes(t *testing.T) {
	for _, name := range fixtures.Names(t) {
		documents, err := fhir.ReadDocuments(fixtures.Document(t, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text, _, err := (&extract.Extractor{}).Text(context.Background(), documents[0])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(fixtures.Note(t, name), text.Body); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
