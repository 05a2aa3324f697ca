package source

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"charthand/terminology/index"
)

// LOINC is the system of LOINC (https://terminology.hl7.org/LOINC.html).
const LOINC = "http://loinc.org"

// loinc is a release of LOINC by Regenstrief: its table Loinc.csv.
var loinc = &Format{
	Kind: "loinc", Title: "LOINC", System: LOINC, Needed: []string{"Loinc.csv"},
	parts: []part{{"Loinc.csv", regexp.MustCompile(`^loinc\.csv$`), readLOINC}},
}

// loincColumns are the columns that are read; the first three are needed.
var loincColumns = []string{"LOINC_NUM", "COMPONENT", "LONG_COMMON_NAME", "STATUS", "SHORTNAME", "CONSUMER_NAME", "DisplayName", "VersionLastChanged"}

// readLOINC reads the table. What a test is of (COMPONENT) is a name by which several are found: which of them is meant, its specimen tells.
func readLOINC(_ context.Context, in *Input, add Add) error {
	say(&in.System, LOINC)
	table := csv.NewReader(in)
	table.ReuseRecord = true
	fault := func(err error) error {
		if parse := new(csv.ParseError); errors.As(err, &parse) {
			in.line = parse.Line
			if errors.Is(parse.Err, csv.ErrFieldCount) {
				return in.fault("the number of columns is not that of the first line")
			}
			return in.fault("%v", parse.Err)
		}
		return fmt.Errorf("%s: %w", in.Name, broken(err))
	}
	heads, err := table.Read()
	if err != nil {
		in.line = 1
		return in.fault("the file is empty")
	}
	place := map[string]int{}
	for i, name := range loincColumns {
		place[name] = slices.Index(heads, name)
		if i < 3 && place[name] < 0 {
			in.line = 1
			return in.fault("no column is called %s", name)
		}
	}
	latest := ""
	for {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			say(&in.Version, latest)
			return nil
		}
		if err != nil {
			return fault(err)
		}
		value := func(name string) string {
			if at := place[name]; at >= 0 {
				return strings.Clone(strings.TrimSpace(row[at]))
			}
			return ""
		}
		if version := value("VersionLastChanged"); newer(version, latest) {
			latest = version
		}
		if status := value("STATUS"); status == "DEPRECATED" || status == "DISCOURAGED" {
			continue
		}
		code := value("LOINC_NUM")
		if err := add.all(concept(code, index.Test, index.Leaf), term(code, index.Preferred, value("LONG_COMMON_NAME"))); err != nil {
			return err
		}
		for _, column := range []struct {
			name string
			kind index.TermType
		}{{"SHORTNAME", index.Synonym}, {"DisplayName", index.Synonym}, {"CONSUMER_NAME", index.Related}, {"COMPONENT", index.Related}} {
			if text := value(column.name); text != "" {
				if err := add(term(code, column.kind, text)); err != nil {
					return err
				}
			}
		}
	}
}

// newer compares versions such as 2.9 and 2.76: by their numbers.
func newer(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		x, y := "", ""
		if i < len(as) {
			x = as[i]
		}
		if i < len(bs) {
			y = bs[i]
		}
		if len(x) != len(y) {
			return len(x) > len(y)
		}
		if x != y {
			return x > y
		}
	}
	return false
}
