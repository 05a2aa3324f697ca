package source

import (
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"charthand/terminology/index"
)

// tsv is a table of one's own: tab-separated, with a line of column names. Its columns are term and code, and if it has them display,
// parent, map (SYSTEM|CODE) and kind.
var tsv = &Format{
	Kind: "tsv", Title: "a table of names and codes", Needed: []string{"table"},
	parts: []part{{"table", regexp.MustCompile(`\.(tsv|txt)$`), readTSV}},
}

// tableColumns are the columns of a table; the first two are needed.
var tableColumns = []string{"term", "code", "display", "parent", "map", "kind"}

// KindNames are the kinds of mention as users write them.
var KindNames = map[string]index.Kinds{"problem": index.Problem, "drug": index.Drug, "procedure": index.Procedure, "test": index.Test, "site": index.Site, "other": index.Other}

func readTSV(_ context.Context, in *Input, add Add) error {
	line, err := in.next(false)
	if errors.Is(err, io.EOF) {
		return in.fault("the file is empty")
	}
	if err != nil {
		return err
	}
	heads := strings.Split(line, "\t")
	place := map[string]int{}
	for i, name := range tableColumns {
		called := name
		if other := in.Columns[name]; other != "" {
			called = other
		}
		at := slices.Index(heads, called)
		if at < 0 && (i < 2 || in.Columns[name] != "") {
			return in.fault("no column is called %q; there are %s", called, strings.Join(heads, ", "))
		}
		place[name] = at
	}
	for line, err := range in.lines(false) {
		if err != nil {
			return err
		}
		if line == "" {
			continue
		}
		columns, err := in.columns(line, "\t", len(heads))
		if err != nil {
			return err
		}
		value := func(name string) string {
			if at := place[name]; at >= 0 {
				return strings.TrimSpace(columns[at])
			}
			return ""
		}
		code, text, kinds := value("code"), value("term"), in.Kinds
		if code == "" || text == "" {
			return in.fault("a line without a term or a code")
		}
		if kind := value("kind"); kind != "" {
			if kinds = KindNames[kind]; kinds == 0 {
				return in.fault("%q is no kind of mention", kind)
			}
		}
		if kinds == 0 {
			kinds = index.Any
		}
		if err := add.all(concept(code, kinds, index.Leaf), term(code, index.Synonym, text)); err != nil {
			return err
		}
		if display := value("display"); display != "" {
			err = add(index.Record{Kind: index.IsDisplay, Code: code, Text: display})
		} else if place["display"] < 0 && !looksLikeCode.MatchString(code) {
			err = add(index.Record{Kind: index.IsDisplay, Code: code, Text: code}) // names that name themselves
		}
		if err != nil {
			return err
		}
		if parent := value("parent"); parent != "" {
			if err := add(above(code, parent)); err != nil {
				return err
			}
		}
		for target := range strings.SplitSeq(value("map"), ";") {
			if target = strings.TrimSpace(target); target == "" {
				continue
			}
			system, other, found := strings.Cut(target, "|")
			if !found {
				return in.fault("a map is written as SYSTEM|CODE")
			}
			if err := add(maps(code, system, other)); err != nil {
				return err
			}
		}
	}
	return nil
}

// looksLikeCode tells a code from a name that is used as one.
var looksLikeCode = regexp.MustCompile(`\d`)
