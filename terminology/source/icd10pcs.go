package source

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"charthand/terminology/index"
)

// ICD10PCS is the system of ICD-10-PCS (https://terminology.hl7.org/CodeSystem-icd10PCS.html).
const ICD10PCS = "http://www.cms.gov/Medicare/Coding/ICD10"

// icd10pcs is a release of ICD-10-PCS by CMS: the order file with all codes or the tables that they are made of, and the index.
var icd10pcs = &Format{
	Kind: "icd10pcs", Title: "ICD-10-PCS", System: ICD10PCS, Needed: []string{"order file|tables"},
	parts: []part{
		{"order file", regexp.MustCompile(`^icd10pcs[-_]?order[-_].*\.txt$`), readOrder(ICD10PCS, index.Procedure, func(code string) string { return code })},
		{"tables", regexp.MustCompile(`^icd10pcs[-_]?tables[-_].*\.xml$`), readTables},
		{"index", regexp.MustCompile(`^icd10pcs[-_]?index[-_].*\.xml$`), readProcedureIndex},
	},
	refuse: addenda,
}

// axis is an axis of a table: its place in the code, and its values.
type axis struct {
	Title  string  `xml:"title"`
	Labels []label `xml:"label"`
}

type label struct {
	Code string `xml:"code,attr"`
	Text string `xml:",chardata"`
}

// table is a pcsTable: three axes that its codes share, and rows of four whose values are combined.
type table struct {
	Axes []axis `xml:"axis"`
	Rows []struct {
		Axes []axis `xml:"axis"`
	} `xml:"pcsRow"`
}

// The axes of a code.
const (
	sharedAxes = 3
	rowAxes    = 4
)

// readTables makes the codes of the tables, seven characters each, and their titles of the titles of their values.
func readTables(_ context.Context, in *Input, add Add) error {
	say(&in.System, ICD10PCS)
	return eachElement(in, "pcsTable", "these are no tables", func(one *table) error { return one.add(add) })
}

func (t *table) add(add Add) error {
	if len(t.Axes) != sharedAxes {
		return errors.New("a table without its three axes")
	}
	prefix, operation := "", ""
	for _, a := range t.Axes {
		if len(a.Labels) != 1 {
			return errors.New("an axis of a table without its value")
		}
		prefix += a.Labels[0].Code
		operation = strings.TrimSpace(a.Labels[0].Text)
	}
	system := strings.TrimSpace(t.Axes[1].Labels[0].Text)
	if err := add.all(concept(prefix, index.Procedure, index.Header), term(prefix, index.Preferred, operation+" of "+system)); err != nil {
		return err
	}
	for _, row := range t.Rows {
		if len(row.Axes) != rowAxes {
			return errors.New("a row without its four axes")
		}
		for _, part := range row.Axes[0].Labels {
			// What the index refers to ends with the body part.
			header := prefix + part.Code
			name := operation + " of " + strings.TrimSpace(part.Text)
			if err := add.all(concept(header, index.Procedure, index.Header), term(header, index.Preferred, name), above(header, prefix)); err != nil {
				return err
			}
			for _, approach := range row.Axes[1].Labels {
				for _, device := range row.Axes[2].Labels {
					for _, qualifier := range row.Axes[3].Labels {
						code := header + approach.Code + device.Code + qualifier.Code
						title := name
						for _, value := range []label{device, approach, qualifier} {
							if text := strings.TrimSpace(value.Text); text != "No Device" && text != "No Qualifier" {
								title += ", " + text
							}
						}
						if err := add.all(concept(code, index.Procedure, index.Leaf), term(code, index.Preferred, title), above(code, header)); err != nil {
							return err
						}
					}
				}
			}
		}
	}
	return nil
}

// procedureTerm is a term of the index, or a main term: where it sends the reader.
type procedureTerm struct {
	Title string          `xml:"title"`
	See   []sent          `xml:"see"`
	Use   []sent          `xml:"use"`
	Codes []string        `xml:"codes"`
	Code  string          `xml:"code"`
	Below []procedureTerm `xml:"term"`
}

// sent is a reference to another term, with the beginning of its codes where it has one.
type sent struct {
	Codes []string `xml:"codes"`
}

// readProcedureIndex reads the index: the names of what has codes, or the beginnings of codes.
func readProcedureIndex(_ context.Context, in *Input, add Add) error {
	say(&in.System, ICD10PCS)
	return eachElement(in, "mainTerm", "this is no index", func(one *procedureTerm) error { return one.add(add, "", 0) })
}

func (t *procedureTerm) add(add Add, path string, depth int) error {
	if depth > maxIndexDepth {
		return errors.New("terms of the index stand in each other too deep")
	}
	path = strings.TrimSpace(path + " " + strings.Join(strings.Fields(t.Title), " "))
	codes := t.Codes
	if t.Code != "" {
		codes = append(codes, t.Code)
	}
	for _, s := range t.See {
		codes = append(codes, s.Codes...)
	}
	for _, code := range codes {
		if code = strings.TrimSpace(code); code == "" {
			continue
		}
		if err := add(term(code, index.Inclusion, path)); err != nil {
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
