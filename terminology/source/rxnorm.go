package source

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"charthand/terminology/index"
)

// RxNorm is the system of RxNorm (https://terminology.hl7.org/RxNorm.html); ATC that of the classes that its full release has too.
const (
	RxNorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
	ATC    = "http://www.whocc.no/atc"
)

// rxnorm is a release of RxNorm by NLM in RRF, full or prescribable (https://www.nlm.nih.gov/research/umls/rxnorm/docs/techdoc.html).
var rxnorm = &Format{
	Kind: "rxnorm", Title: "RxNorm", System: RxNorm, Needed: []string{"RXNCONSO.RRF"},
	parts: []part{
		{"RXNSAB.RRF", regexp.MustCompile(`^rxnsab\.rrf$`), readSources},
		{"RXNCONSO.RRF", regexp.MustCompile(`^rxnconso\.rrf$`), readDrugs},
		{"RXNREL.RRF", regexp.MustCompile(`^rxnrel\.rrf$`), readDrugRelations},
	},
	drop: withoutPrescribable,
}

// withoutPrescribable leaves out the prescribable drugs where all drugs are there: the full release has both.
func withoutPrescribable(files []File) []File {
	isPart := func(f File) bool { return strings.Contains(strings.ToLower(filepath.ToSlash(f.Name)), "prescribe/") }
	if !slices.ContainsFunc(files, func(f File) bool { return !isPart(f) }) {
		return files
	}
	return slices.DeleteFunc(files, isPart)
}

// The columns of the files; each line ends in a separator too.
const (
	consoColumns = 18
	relColumns   = 16
	sabColumns   = 25
)

// levels are the levels of RxNorm's term types.
var levels = map[string]index.Level{
	"IN": index.Ingredient, "MIN": index.Ingredient, "PIN": index.Precise, "BN": index.Brand, "SCDC": index.Component, "SBDC": index.Component,
	"SCDF": index.Form, "SBDF": index.Form, "SCDG": index.Form, "SBDG": index.Form, "SCDFP": index.Form, "SBDFP": index.Form, "SCDGP": index.Form,
	"SCD": index.Clinical, "GPCK": index.Clinical, "SBD": index.Branded, "BPCK": index.Branded,
}

// rrf calls a function with the columns of each line.
func (in *Input) rrf(count int, take func(c []string) error) error {
	for line, err := range in.lines(true) {
		if err != nil {
			return err
		}
		cut, found := strings.CutSuffix(line, "|")
		if !found {
			return in.fault("a line that does not end in |: it was cut off, or is no RRF")
		}
		c, err := in.columns(cut, "|", count)
		if err != nil {
			return err
		}
		if err := take(c); err != nil {
			return err
		}
	}
	return nil
}

// brandInName is the brand at the end of the name of a branded drug: "furosemide 40 MG Oral Tablet [Lasix]".
var brandInName = regexp.MustCompile(`^(.+) \[([^\]]+)\]$`)

// strengthInName is where the strength in a name begins.
var strengthInName = regexp.MustCompile(`\s\d`)

// readDrugs reads the concepts and names: those of RxNorm itself that are not suppressed, and the classes of ATC.
func readDrugs(_ context.Context, in *Input, add Add) error {
	say(&in.System, RxNorm)
	found := false
	err := in.rrf(consoColumns, func(c []string) error {
		id, language, source, kind, code, name, suppressed := c[0], c[1], c[11], c[12], c[13], c[14], c[16]
		if suppressed != "N" {
			return nil
		}
		if source == "ATC" && (kind == "IN" || kind == "RXN_IN") {
			return add(maps(id, ATC, code))
		}
		if source != "RXNORM" || language != "ENG" {
			return nil
		}
		if level, main := levels[kind]; main {
			found = true
			if err := add.all(concept(id, index.Drug, level), term(id, index.Preferred, name)); err != nil {
				return err
			}
			if short := called(name); short != "" {
				return add(term(id, index.Synonym, short))
			}
		} else if kind == "SY" || kind == "TMSY" || kind == "PSN" {
			return add(term(id, index.Synonym, name))
		}
		return nil
	})
	if err == nil && !found {
		return in.fault("no name of RxNorm was found")
	}
	return err
}

// called gives what people call a branded drug: its brand alone, with its strength and form; empty for another drug.
func called(name string) string {
	branded := brandInName.FindStringSubmatch(name)
	if branded == nil || strings.Contains(branded[1], " / ") {
		return ""
	}
	at := strengthInName.FindStringIndex(branded[1])
	if at == nil {
		return ""
	}
	return branded[2] + branded[1][at[0]:]
}

// upward are the relations from a concept to what it is a more exact form of. RXNREL says them of its second concept.
var upward = map[string]bool{"has_ingredient": true, "has_precise_ingredient": true, "form_of": true, "tradename_of": true, "consists_of": true, "isa": true, "has_ingredients": true}

// readDrugRelations reads the relations between concepts.
func readDrugRelations(_ context.Context, in *Input, add Add) error {
	return in.rrf(relColumns, func(c []string) error {
		target, kind, code, relation, source := c[0], c[2], c[4], c[7], c[10]
		if source != "RXNORM" || kind != "CUI" || !upward[relation] {
			return nil
		}
		return add(above(code, target))
	})
}

// readSources reads which version of RxNorm this is.
func readSources(_ context.Context, in *Input, _ Add) error {
	return in.rrf(sabColumns, func(c []string) error {
		if c[3] == "RXNORM" {
			say(&in.Version, c[6])
		}
		return nil
	})
}
