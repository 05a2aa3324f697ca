package source

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"charthand/terminology/index"
)

// ICD10CM is the system of ICD-10-CM (https://terminology.hl7.org/ICD.html).
const ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"

// icd10cm is a release of ICD-10-CM by CDC and CMS: the order file with all codes, the tabular list with inclusion terms, the alphabetic
// index.
var icd10cm = &Format{
	Kind: "icd10cm", Title: "ICD-10-CM", System: ICD10CM, Needed: []string{"order file|tabular list"},
	parts: []part{
		{"order file", regexp.MustCompile(`^icd10cm[-_]?order[-_].*\.txt$`), readOrder(ICD10CM, index.Problem, dotted)},
		{"tabular list", regexp.MustCompile(`^icd10cm[-_]?tabular[-_].*\.xml$`), readTabular},
		{"index", regexp.MustCompile(`^icd10cm[-_]?e?index[-_].*\.xml$`), readIndex},
	},
	refuse: addenda,
}

// addenda says that a file lists only what has changed.
func addenda(name string) string {
	if strings.Contains(name, "addenda") {
		return "addenda list only what has changed"
	}
	return ""
}

// year is an edition in the name of a file.
var year = regexp.MustCompile(`20[0-9]{2}`)

// dotted gives a code as ICD-10-CM is written: a dot after three characters.
func dotted(code string) string {
	if len(code) > 3 {
		return code[:3] + "." + code[3:]
	}
	return code
}

// readOrder reads an order file: columns 1-5 a number, 7-13 the code without its dot, 15 whether it can be billed, 17-76 a short and 78 on
// the long title.
func readOrder(system string, kinds index.Kinds, written func(string) string) func(context.Context, *Input, Add) error {
	return func(_ context.Context, in *Input, add Add) error {
		say(&in.System, system)
		say(&in.Version, year.FindString(in.Name))
		var headers []string // that the code may stand under
		previous := 0
		for line, err := range in.lines(true) {
			if err != nil {
				return err
			}
			if line == "" {
				continue
			}
			if len(line) < 78 {
				return in.fault("expected a line of at least 78 characters, found %d: it was cut off, or is no order file", len(line))
			}
			number, err := strconv.Atoi(strings.TrimSpace(line[:5]))
			if err != nil {
				return in.fault("expected a number in columns 1 to 5")
			}
			if number != previous+1 {
				return in.fault("expected number %d, found %d: lines are missing", previous+1, number)
			}
			previous = number
			code := strings.TrimSpace(line[6:13])
			billed := line[14]
			if len(code) < 3 || billed != '0' && billed != '1' {
				return in.fault("expected a code in columns 7 to 13, and 0 or 1 in column 15")
			}
			level := index.Leaf
			if billed == '0' {
				level = index.Header
			}
			if err := add.all(concept(written(code), kinds, level), term(written(code), index.Preferred, strings.TrimSpace(line[77:]))); err != nil {
				return err
			}
			for len(headers) > 0 && !strings.HasPrefix(code, headers[len(headers)-1]) {
				headers = headers[:len(headers)-1]
			}
			if len(headers) > 0 {
				if err := add(above(written(code), written(headers[len(headers)-1]))); err != nil {
					return err
				}
			}
			if billed == '0' {
				headers = append(headers, code)
			}
		}
		if previous == 0 {
			return in.fault("the file is empty")
		}
		return nil
	}
}

// diagnosis is a diag element of the tabular list.
type diagnosis struct {
	Name       string      `xml:"name"`
	Title      string      `xml:"desc"`
	Inclusions []string    `xml:"inclusionTerm>note"`
	Includes   []string    `xml:"includes>note"`
	Below      []diagnosis `xml:"diag"`
	// Seventh says that codes have a seventh character, those below it too; the order file has them.
	Seventh *struct{} `xml:"sevenChrDef"`
}

// readTabular reads the tabular list, a section at a time. Codes that only the order file has (with a seventh character) stay its own.
func readTabular(_ context.Context, in *Input, add Add) error {
	say(&in.System, ICD10CM)
	return eachElement(in, "diag", "this is no tabular list", func(one *diagnosis) error { return one.add(add, "", false) })
}

func (d *diagnosis) add(add Add, parent string, seventh bool) error {
	if d.Name == "" {
		return errors.New("a diag element has no name")
	}
	seventh = seventh || d.Seventh != nil
	level := index.Leaf
	if len(d.Below) > 0 || seventh && len(d.Name) < len("A00.000A") {
		level = index.Header
	}
	if err := add(index.Record{Kind: index.IsConcept, Code: d.Name, Kinds: index.Problem, Level: level}); err != nil {
		return err
	}
	if err := add(term(d.Name, index.Preferred, d.Title)); err != nil {
		return err
	}
	if parent != "" {
		if err := add(above(d.Name, parent)); err != nil {
			return err
		}
	}
	for _, note := range d.Inclusions {
		if err := add(term(d.Name, index.Inclusion, note)); err != nil {
			return err
		}
	}
	for _, note := range d.Includes {
		if err := add(term(d.Name, index.Related, note)); err != nil {
			return err
		}
	}
	for i := range d.Below {
		if err := d.Below[i].add(add, d.Name, seventh); err != nil {
			return err
		}
	}
	return nil
}

// indexed is a term of the alphabetic index, or a main term.
type indexed struct {
	Title title     `xml:"title"`
	Code  string    `xml:"code"`
	Below []indexed `xml:"term"`
}

// title is text with parts that a term may lack (nemod, in brackets).
type title struct {
	Text     string   `xml:",chardata"`
	Optional []string `xml:"nemod"`
}

// maxIndexDepth bounds how deep terms of the index stand in each other: ICD-10-CM has nine levels.
const maxIndexDepth = 20

// readIndex reads the alphabetic index: each path of titles names its code. One that ends in a dash is what the codes below it begin with.
func readIndex(_ context.Context, in *Input, add Add) error {
	say(&in.System, ICD10CM)
	return eachElement(in, "mainTerm", "this is no alphabetic index", func(one *indexed) error { return one.add(add, "", 0) })
}

func (t *indexed) add(add Add, path string, depth int) error {
	if depth > maxIndexDepth {
		return errors.New("terms of the index stand in each other too deep")
	}
	path = strings.TrimSpace(path + " " + strings.Join(strings.Fields(t.Title.Text), " "))
	name := path
	if len(t.Title.Optional) > 0 {
		name += " " + strings.Join(t.Title.Optional, " ")
	}
	if code := strings.TrimRight(strings.TrimSpace(t.Code), ".-"); code != "" {
		if err := add(term(code, index.Inclusion, name)); err != nil {
			return err
		}
	}
	for i := range t.Below {
		if err := t.Below[i].add(add, path, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// eachElement calls a function with each element of a name, wherever it is, and fills in the version that the file says. A file that has no
// such element is refused: lacking says what it is not.
func eachElement[T any](in *Input, name, lacking string, take func(*T) error) error {
	decoder := xml.NewDecoder(in)
	found := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if start, is := token.(xml.StartElement); err == nil && is {
			switch start.Name.Local {
			case "version":
				var version string
				err = decoder.DecodeElement(&version, &start)
				say(&in.Version, strings.TrimSpace(version))
			case name:
				found = true
				var one T
				if err = decoder.DecodeElement(&one, &start); err == nil {
					err = take(&one)
				}
			}
		}
		if err != nil {
			line, _ := decoder.InputPos()
			in.line = line
			if syntax := new(xml.SyntaxError); errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF") {
				err = io.ErrUnexpectedEOF
			}
			return in.fault("%v", broken(err))
		}
	}
	if !found {
		return in.fault("no %s element: %s", name, lacking)
	}
	return nil
}
