package source

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"

	"charthand/terminology/index"
)

// SNOMED is the system of SNOMED CT (https://terminology.hl7.org/SNOMEDCT.html).
const SNOMED = "http://snomed.info/sct"

// ICD10 is the system of the ICD-10 of WHO.
const ICD10 = "http://hl7.org/fhir/sid/icd-10"

// snomed is a release of SNOMED CT in RF2, its snapshot (SNOMED CT Release File Specifications): concepts, language reference sets, names,
// IS-A and the maps to ICD-10.
var snomed = &Format{
	Kind: "snomed", Title: "SNOMED CT", System: SNOMED, Needed: []string{"concepts", "descriptions"},
	parts: []part{
		{"concepts", regexp.MustCompile(`^x?sct2_concept_snapshot_.*\.txt$`), readConcepts},
		{"language reference set", regexp.MustCompile(`^x?der2_crefset_(\w*)languagesnapshot.*\.txt$`), readLanguage},
		{"descriptions", regexp.MustCompile(`^x?sct2_description_(\w*)snapshot.*\.txt$`), readDescriptions},
		{"relationships", regexp.MustCompile(`^x?sct2_relationship_snapshot_.*\.txt$`), readRelationships},
		{"extended map", regexp.MustCompile(`^x?der2_iissscc?refset_(\w*)(extended|complex)mapsnapshot.*\.txt$`), readICDMap},
	},
	refuse: func(name string) string {
		switch {
		case strings.HasPrefix(name, "sct2_") || strings.HasPrefix(name, "der2_") || strings.HasPrefix(name, "xsct2_") || strings.HasPrefix(name, "xder2_"):
			if strings.Contains(name, "delta_") || strings.Contains(name, "delta-") {
				return "a delta has only what has changed: import the snapshot"
			}
			if strings.Contains(name, "full_") || strings.Contains(name, "full-") {
				return "a full release has every version: import the snapshot"
			}
		}
		return ""
	},
}

// Identifiers of SNOMED CT.
const (
	isA                = "116680003"
	fullySpecifiedName = "900000000000003001"
	synonymType        = "900000000000013009"
	preferred          = "900000000000548007"
	// USEnglish and GBEnglish are language reference sets.
	USEnglish = "900000000000509007"
	GBEnglish = "900000000000508004"
	// icd10MapWHO and icd10MapCM are the reference sets of maps to ICD-10 and ICD-10-CM.
	icd10MapWHO = "447562003"
	icd10MapCM  = "6011000124106"
	// always and properly say that a map holds whatever else is known of the patient.
	always    = "TRUE"
	otherwise = "OTHERWISE TRUE"
	properly  = "447637006"
)

// tags are the kinds of concept by their semantic tags, the words in brackets at the end of a fully specified name.
var tags = map[string]index.Kinds{
	"disorder": index.Problem, "finding": index.Problem, "situation": index.Problem, "event": index.Problem, "morphologic abnormality": 0,
	"procedure": index.Procedure | index.Test, "regime/therapy": index.Procedure, "observable entity": index.Test,
	"product": index.Drug, "medicinal product": index.Drug, "medicinal product form": index.Drug, "clinical drug": index.Drug, "substance": index.Drug,
	"real clinical drug": index.Drug, "product name": index.Drug,
	"body structure": index.Site, "qualifier value": index.Other,
}

// semanticTag is the tag of a fully specified name.
var semanticTag = regexp.MustCompile(`^(.*\S)\s*\(([^()]+)\)$`)

// releaseInName is the date of a release in the name of its files.
var releaseInName = regexp.MustCompile(`(20\d{6})`)

// rf2 calls a function with the columns of each line but the first, whose names must be those of the file.
func (in *Input) rf2(first []string, take func(c []string) error) error {
	say(&in.System, SNOMED)
	say(&in.Version, releaseInName.FindString(in.Name))
	line, err := in.next(true)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	head, err := in.columns(line, "\t", len(first))
	if err != nil {
		return err
	}
	for i, name := range first {
		if head[i] != name {
			return in.fault("column %d is called %q, expected %q", i+1, head[i], name)
		}
	}
	for line, err := range in.lines(true) {
		if err != nil {
			return err
		}
		c, err := in.columns(line, "\t", len(first))
		if err != nil {
			return err
		}
		if c[2] != "1" && c[2] != "0" {
			return in.fault("the column active is neither 0 nor 1")
		}
		if err := take(c); err != nil {
			return err
		}
	}
	return nil
}

func readConcepts(_ context.Context, in *Input, add Add) error {
	return in.rf2([]string{"id", "effectiveTime", "active", "moduleId", "definitionStatusId"}, func(c []string) error {
		if c[2] == "0" {
			return nil
		}
		return add(concept(c[0], 0, index.Leaf))
	})
}

// readLanguage says which names are acceptable in a language reference set: the one that was asked for, else American English.
func readLanguage(_ context.Context, in *Input, add Add) error {
	wanted := in.Language
	if wanted == "" {
		wanted = USEnglish
	}
	return in.rf2([]string{"id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId", "acceptabilityId"}, func(c []string) error {
		if c[2] == "0" {
			return nil
		}
		if c[4] != wanted {
			return add(index.Record{Kind: index.IsOtherLanguage, ID: c[4]})
		}
		r := index.Record{Kind: index.IsAcceptable, ID: c[5], Type: index.Synonym}
		if c[6] == preferred {
			r.Type = index.Preferred
		}
		return add(r)
	})
}

func readDescriptions(_ context.Context, in *Input, add Add) error {
	return in.rf2([]string{"id", "effectiveTime", "active", "moduleId", "conceptId", "languageCode", "typeId", "term", "caseSignificanceId"}, func(c []string) error {
		if c[2] == "0" {
			return nil
		}
		switch c[6] {
		case fullySpecifiedName:
			tagged := semanticTag.FindStringSubmatch(c[7])
			if tagged == nil {
				return nil
			}
			name := term(c[4], index.Synonym, tagged[1])
			if c[5] != "en" { // English ones name the tag, and are read whatever the language
				name.ID = c[0]
			}
			return add.all(index.Record{Kind: index.IsKind, Code: c[4], Kinds: tags[tagged[2]]}, name)
		case synonymType:
			return add(index.Record{Kind: index.IsTerm, Code: c[4], ID: c[0], Type: index.Synonym, Text: c[7]})
		}
		return nil
	})
}

func readRelationships(_ context.Context, in *Input, add Add) error {
	return in.rf2([]string{"id", "effectiveTime", "active", "moduleId", "sourceId", "destinationId", "relationshipGroup", "typeId", "characteristicTypeId", "modifierId"}, func(c []string) error {
		if c[2] == "0" || c[7] != isA {
			return nil
		}
		return add(above(c[4], c[5]))
	})
}

// target is what the map of a concept says.
type target struct {
	code        string
	group       string
	system      string
	conditional bool // it depends on what a mention does not say, or is several codes
}

// readICDMap reads the maps to ICD-10. Only those are taken that are one code, whatever else is known: others need a person's age or sex, or
// are several codes together.
func readICDMap(_ context.Context, in *Input, add Add) error {
	columns := []string{"id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId", "mapGroup", "mapPriority", "mapRule", "mapAdvice", "mapTarget", "correlationId", "mapCategoryId"}
	if strings.Contains(strings.ToLower(in.Name), "complexmap") {
		columns = columns[:12]
	}
	systems := map[string]string{icd10MapWHO: ICD10, icd10MapCM: ICD10CM}
	targets := map[string]*target{} // by reference set and concept
	var order []string
	err := in.rf2(columns, func(c []string) error {
		system := systems[c[4]]
		if c[2] == "0" || system == "" {
			return nil
		}
		key := c[4] + "|" + c[5]
		held := targets[key]
		sure := (c[8] == always || c[8] == otherwise) && c[10] != "" && !strings.ContainsAny(c[10], "?#") && (len(c) < 13 || c[12] == properly)
		if held == nil {
			held = &target{code: c[10], group: c[6], system: system}
			targets[key] = held
			order = append(order, key)
		} else if held.group != c[6] || held.code != c[10] {
			held.conditional = true
		}
		held.conditional = held.conditional || !sure
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range order {
		held := targets[key]
		_, concept, _ := strings.Cut(key, "|")
		if held.conditional {
			continue
		}
		if err := add(maps(concept, held.system, held.code)); err != nil {
			return err
		}
	}
	return nil
}
