package extract_test

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"charthand/extract"
	"charthand/fhir"
	"charthand/nlp"
	"charthand/note"
	"charthand/note/pdf"

	"github.com/google/go-cmp/cmp"
)

// fetched is a Fetcher that has what it has.
type fetched map[string]fhir.Binary

func (f fetched) Fetch(_ context.Context, url, _ string) (fhir.Binary, error) {
	if binary, there := f[url]; there {
		return binary, nil
	}
	return fhir.Binary{}, passing{}
}

type passing struct{}

func (passing) Error() string   { return "it is away" }
func (passing) Temporary() bool { return true }

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// wordFinder marks a word as a disease wherever it stands.
type wordFinder string

func (w wordFinder) Annotate(_ context.Context, d *nlp.Document) error {
	for at := 0; ; {
		next := strings.Index(d.Text.Body[at:], string(w))
		if next < 0 {
			break
		}
		at += next
		d.Entities = append(d.Entities, nlp.Entity{Span: nlp.Span{Start: at, End: at + len(w)}, Label: "Disease_disorder", Score: 1})
		at += len(w)
	}
	d.Coverage = nlp.Coverage{Characters: d.Text.CodePoints(), Read: d.Text.CodePoints()}
	return nil
}

// Of several attachments the best one that can be read is, and the outcome names the others.
func TestChoiceOfAttachments(t *testing.T) {
	cda := b64(`<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component><section><text>C-CDA</text></section></component></structuredBody></component></ClinicalDocument>`)
	page, rich := b64("<p>HTML</p>"), b64(`{\rtf1 RTF}`)
	others := func(format string, paths ...string) (says []string) {
		for _, path := range paths {
			says = append(says, "information content["+path+"].attachment: not read: another attachment of the document was, as "+format)
		}
		return says
	}
	for name, test := range map[string]struct {
		contents []string // contentType, and data or url; perhaps a format
		text     string
		says     []string
	}{
		"plain text first": {
			[]string{`application/rtf|` + rich, `text/html|` + page, `application/cda+xml|` + cda, `text/plain|` + b64("text")}, "text",
			others("plain text", "2", "1", "0"),
		},
		"then C-CDA":    {[]string{`application/rtf|` + rich, `text/html|` + page, `text/xml|` + cda}, "C-CDA", others("C-CDA", "1", "0")},
		"then HTML":     {[]string{`application/rtf|` + rich, `application/xhtml+xml|` + page, `application/octet-stream|` + b64("what")}, "HTML", others("HTML", "0", "2")},
		"of two, first": {[]string{`text/plain|` + b64("one"), `text/plain|` + b64("two")}, "one", others("plain text", "1")},
		"the format tells": {
			[]string{`application/octet-stream|` + b64("what"), `application/octet-stream|` + cda + `|urn:hl7-org:sdwg:ccda-structuredBody:2.1`}, "C-CDA",
			append([]string{"warning content[1].attachment: declared as application/octet-stream, and read as the C-CDA that the bytes are"}, others("C-CDA", "0")...),
		},
		"one that cannot be read": {
			[]string{`text/plain|` + b64("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), `text/html|` + page, `image/png|` + b64("x")}, "HTML",
			append([]string{"warning content[0].attachment.contentType: content type cannot be read: an image is not read: it has no text"}, others("HTML", "2")...),
		},
		"here before elsewhere": {[]string{`text/plain|url:a`, `text/plain|` + b64("here")}, "here", others("plain text", "0")},
		"better, elsewhere":     {[]string{`text/html|` + page, `text/plain|url:a`}, "fetched", others("plain text", "0")},
		"better, but away": {
			[]string{`text/html|` + page, `text/plain|url:b`}, "HTML",
			[]string{"warning content[1].attachment.url: the attachment could not be fetched: it is away"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var contents []string
			for _, content := range test.contents {
				parts := append(strings.Split(content, "|"), "")
				attachment := fmt.Sprintf(`{"contentType":%q,"data":%q}`, parts[0], parts[1])
				if url, is := strings.CutPrefix(parts[1], "url:"); is {
					attachment = fmt.Sprintf(`{"contentType":%q,"url":%q}`, parts[0], url)
				}
				format := ""
				if parts[2] != "" {
					format = fmt.Sprintf(`,"format":{"system":"urn:x","code":%q}`, parts[2])
				}
				contents = append(contents, `{"attachment":`+attachment+format+`}`)
			}
			documents, err := fhir.ReadDocuments([]byte(`{"resourceType":"DocumentReference","status":"current","content":[` + strings.Join(contents, ",") + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			e := &extract.Extractor{Fetcher: fetched{"a": {Data: []byte("fetched")}}, Mapper: newExtractor(t, given{}).Mapper}
			for _, document := range []*fhir.Document{documents[0], e.Fetch(t.Context(), documents[0])} {
				text, issues, err := e.Text(t.Context(), document)
				if err != nil || text.Body != test.text {
					t.Fatalf("got %q, %v", text.Body, err)
				}
				var says []string
				for _, issue := range issues {
					says = append(says, fmt.Sprintf("%s %s: %s", issue.Severity, strings.TrimPrefix(issue.Expression, "DocumentReference."), issue.Diagnostics))
				}
				if diff := cmp.Diff(test.says, says); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// A hash and a size are compared with the bytes.
func TestHashAndSize(t *testing.T) {
	one, other := sha1.Sum([]byte("Gout.")), sha256.Sum256([]byte("Gout."))
	code := base64.StdEncoding.EncodeToString
	for name, test := range map[string]struct {
		more, url string
		remark    string
		refused   fhir.IssueCode
	}{
		"SHA-1":                           {`"hash":"` + code(one[:]) + `"`, "", "", ""},
		"SHA-1, in hexadecimal":           {`"hash":"` + code([]byte(hex.EncodeToString(one[:]))) + `"`, "", "", ""},
		"SHA-1, its digits":               {`"hash":"` + hex.EncodeToString(one[:]) + `"`, "", "", ""},
		"SHA-256, its digits":             {`"hash":"` + hex.EncodeToString(other[:]) + `"`, "", "", ""},
		"the size of the base64, fetched": {`"size":8`, "a", "", ""},
		"SHA-256":                         {`"hash":"` + code(other[:]) + `"`, "", "", ""},
		"another hash":                    {`"hash":"` + code(make([]byte, 20)) + `"`, "", "", fhir.CodeConflict},
		"another hash, fetched":           {`"hash":"` + code(make([]byte, 32)) + `"`, "a", "", fhir.CodeConflict},
		"no hash that is known":           {`"hash":"` + code([]byte("md5")) + `"`, "", "the hash is no SHA-1, and was not compared", ""},
		"the size":                        {`"size":5`, "", "", ""},
		"the size of the base64":          {`"size":8`, "", "", ""},
		"another size":                    {`"size":6`, "", "the data has 5 bytes, the attachment names a size of 6", ""},
		"more than came":                  {`"size":6`, "a", "", fhir.CodeConflict},
		"less than came":                  {`"size":4`, "a", "the data has 5 bytes, the attachment names a size of 4", ""},
	} {
		t.Run(name, func(t *testing.T) {
			bytes := `"data":"` + b64("Gout.") + `"`
			if test.url != "" {
				bytes = `"url":"` + test.url + `"`
			}
			documents, err := fhir.ReadDocuments([]byte(`{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"contentType":"text/plain",` + bytes + `,` + test.more + `}}]}`))
			if err != nil {
				t.Fatal(err)
			}
			_, issues, err := (&extract.Extractor{Fetcher: fetched{"a": {Data: []byte("Gout.")}}}).Text(t.Context(), documents[0])
			var fault *fhir.Fault
			if errors.As(err, &fault) != (test.refused != "") || fault != nil && fault.Issues[0].Code != test.refused {
				t.Fatalf("got %v, want %s", err, test.refused)
			}
			if test.remark == "" && len(issues) > 0 || test.remark != "" && (len(issues) != 1 || issues[0].Diagnostics != test.remark) {
				t.Errorf("got %+v, want %q", issues, test.remark)
			}
		})
	}
}

// What is refused says why, and whether it may be read later.
func TestRefusedAttachments(t *testing.T) {
	for name, test := range map[string]struct {
		attachment string
		fetcher    extract.Fetcher
		code       fhir.IssueCode
		at, says   string
	}{
		"nothing":              {`{"contentType":"text/plain"}`, nil, fhir.CodeRequired, "content[0].attachment", "no data and no url"},
		"no one to fetch it":   {`{"url":"Binary/1"}`, nil, fhir.CodeNotFound, "content[0].attachment.url", "--fhir-base"},
		"away":                 {`{"url":"Binary/1"}`, fetched{}, fhir.CodeTransient, "content[0].attachment.url", "it is away"},
		"a picture, fetched":   {`{"url":"a"}`, fetched{"a": {ContentType: "image/png", Data: []byte("x")}}, fhir.CodeNotSupported, "content[0].attachment.contentType", "an image is not read"},
		"empty, fetched":       {`{"url":"a"}`, fetched{"a": {Data: []byte{}}}, fhir.CodeValue, "content[0].attachment.url", "empty"},
		"damaged RTF":          {`{"data":"` + b64(`{\rtf1`+strings.Repeat("{", 2000)) + `"}`, nil, fhir.CodeValue, "content[0].attachment.data", "groups lie more than"},
		"DICOM":                {`{"contentType":"application/dicom","data":"` + b64(strings.Repeat("\x00", 128)+"DICM\x02\x00\x00\x00UL") + `"}`, nil, fhir.CodeNotSupported, "content[0].attachment.contentType", "DICOM"},
		"a scanned PDF":        {`{"contentType":"application/pdf","data":"` + b64(file(t, "scanned.pdf")) + `"}`, nil, fhir.CodeNotSupported, "content[0].attachment.data", "no text layer"},
		"an encrypted PDF":     {`{"contentType":"application/pdf","data":"` + b64(file(t, "encrypted.pdf")) + `"}`, nil, fhir.CodeNotSupported, "content[0].attachment.data", "encrypted"},
		"a PDF that is no PDF": {`{"contentType":"application/pdf","data":"` + b64("%PDF-1.7") + `"}`, nil, fhir.CodeValue, "content[0].attachment.data", "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			documents, err := fhir.ReadDocuments([]byte(`{"resourceType":"DocumentReference","status":"current","content":[{"attachment":` + test.attachment + `}]}`))
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = (&extract.Extractor{Fetcher: test.fetcher, Decoder: note.Decoder{PDF: pdfReader(t)}}).Text(t.Context(), documents[0])
			var fault *fhir.Fault
			if !errors.As(err, &fault) {
				t.Fatalf("got %v", err)
			}
			if issue := fault.Issues[0]; issue.Code != test.code || issue.Expression != "DocumentReference."+test.at || !strings.Contains(issue.Diagnostics, test.says) {
				t.Errorf("got %+v", issue)
			}
		})
	}
}

func pdfReader(t testing.TB) *pdf.Reader {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	reader := pdf.New(filepath.Join(cache, "charthand", "pdfium"))
	t.Cleanup(reader.Close)
	return reader
}

func file(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "fixtures", "attachments", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Every resource of a document that is no plain text says where in the original each of its words stands, beside its offsets in the text.
func TestEvidenceInTheOriginal(t *testing.T) {
	type part struct {
		URL     string `json:"url"`
		Integer int    `json:"valueInteger"`
		String  string `json:"valueString"`
		Refers  struct {
			Reference string `json:"reference"`
		} `json:"valueReference"`
	}
	for name, test := range map[string]struct {
		contentType, word string
		xpath, within     string
		page              int
	}{
		"visit-summary.html":     {"text/html", "hypertension", "/html[1]/body[1]/p[", "", 0},
		"progress-word.rtf":      {"application/rtf", "Asthma", "", "", 0},
		"referral.xml":           {"text/xml", "sleep apnea", "/ClinicalDocument[1]/component[1]/structuredBody[1]/component[1]/section[1]/text[1]/list[1]/item[", "", 0},
		"unstructured-rtf.xml":   {"text/xml", "biliary colic", "", "/ClinicalDocument[1]/component[1]/nonXMLBody[1]/text[1]", 0},
		"discharge-chromium.pdf": {"application/pdf", "left pleural effusion", "", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			original := file(t, name)
			e := newExtractor(t, wordFinder(test.word))
			e.Decoder.PDF = pdfReader(t)
			document := fmt.Sprintf(`{"resourceType":"DiagnosticReport","id":"r1","status":"final","code":{"text":"Note"},"subject":{"reference":"Patient/1"},"presentedForm":[{"contentType":%q,"data":%q}]}`, test.contentType, b64(original))
			documents, err := fhir.ReadDocuments([]byte(document))
			if err != nil {
				t.Fatal(err)
			}
			text, _, err := e.Text(t.Context(), documents[0])
			if err != nil {
				t.Fatal(err)
			}
			body := []rune(text.Body)
			var bundle struct {
				Entry []struct {
					Resource struct {
						ResourceType string `json:"resourceType"`
						Extension    []struct {
							URL       string `json:"url"`
							Extension []part `json:"extension"`
						} `json:"extension"`
					} `json:"resource"`
				} `json:"entry"`
			}
			if err := json.Unmarshal(bundleOf(t, e, []byte(document)), &bundle); err != nil {
				t.Fatal(err)
			}
			found := 0
			offsets := map[int]string{} // → the words there
			for _, entry := range bundle.Entry {
				for _, extension := range entry.Resource.Extension {
					parts := map[string]part{}
					for _, p := range extension.Extension {
						parts[p.URL] = p
					}
					offset := parts["offset"].Integer
					switch extension.URL {
					case "http://hl7.org/fhir/StructureDefinition/derivation-reference":
						if got := parts["reference"].Refers.Reference + " " + parts["path"].String; got != "DiagnosticReport/r1 DiagnosticReport.presentedForm[0].data" {
							t.Errorf("the evidence is in %s", got)
						}
						offsets[offset] = string(body[offset : offset+parts["length"].Integer])
					case "urn:charthand:fhir:position":
						found++
						words, known := offsets[offset]
						if !known {
							t.Errorf("a position of offset %d, which is no evidence", offset)
						}
						if got := parts["xpath"].String; words == test.word && !strings.HasPrefix(got, test.xpath) || (got == "") != (test.xpath == "") {
							t.Errorf("the XPath is %q", got)
						}
						if parts["within"].String != test.within || words == test.word && parts["page"].Integer != test.page {
							t.Errorf("got %+v", parts)
						}
						if _, there := parts["start"]; there != (test.page == 0) {
							t.Errorf("got %+v", parts)
						}
						if there := test.page == 0 && test.within == ""; there && original[parts["start"].Integer:parts["end"].Integer] != words {
							t.Errorf("the original has %q", original[parts["start"].Integer:parts["end"].Integer])
						}
					}
				}
			}
			if !slices.Contains(slices.Collect(maps.Values(offsets)), test.word) || found != len(offsets) {
				t.Errorf("%d positions of %d spans: %v", found, len(offsets), offsets)
			}
		})
	}
}
