package source

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"charthand/terminology/index"
)

// obo is an ontology in OBO format 1.2 or 1.4 (https://owlcollab.github.io/oboformat/doc/obo-syntax.html): Disease Ontology, HPO and others.
var obo = &Format{
	Kind: "obo", Title: "an ontology in OBO format", Needed: []string{"ontology"},
	parts: []part{{"ontology", regexp.MustCompile(`\.obo$`), readOBO}},
}

// ontologies are the systems of ontologies, by the name in their header (https://terminology.hl7.org/external_terminologies.html).
var ontologies = map[string]struct {
	system, title string
	kinds         index.Kinds
}{
	"doid":   {"http://purl.obolibrary.org/obo/doid.owl", "Disease Ontology", index.Problem},
	"hp":     {"http://human-phenotype-ontology.org", "Human Phenotype Ontology", index.Problem},
	"mondo":  {"http://purl.obolibrary.org/obo/mondo.owl", "Mondo Disease Ontology", index.Problem},
	"maxo":   {"http://purl.obolibrary.org/obo/maxo.owl", "Medical Action Ontology", index.Procedure},
	"uberon": {"http://purl.obolibrary.org/obo/uberon.owl", "Uberon", index.Site},
}

// referred are the systems of cross-references, by their prefixes.
var referred = map[string]string{
	"ICD10CM": ICD10CM, "SNOMEDCT": SNOMED, "MESH": "http://terminology.hl7.org/CodeSystem/MSH", "MSH": "http://terminology.hl7.org/CodeSystem/MSH",
	"OMIM": "http://www.omim.org", "MIM": "http://www.omim.org", "ORDO": "http://www.orpha.net", "ORPHA": "http://www.orpha.net",
	"NCI": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "UMLS": UMLS, "UMLS_CUI": UMLS,
	"ICD9CM": "http://hl7.org/fhir/sid/icd-9-cm", "ICDO": "http://terminology.hl7.org/CodeSystem/icd-o-3",
}

// UMLS is the system of UMLS concept identifiers.
const UMLS = "http://www.nlm.nih.gov/research/umls"

// quotedName is a quoted text and what follows it.
var quotedName = regexp.MustCompile(`^"((?:[^"\\]|\\.)*)"\s*(.*)$`)

// readOBO reads the [Term] stanzas.
func readOBO(_ context.Context, in *Input, add Add) error {
	var stanza []index.Record
	var code, name string
	kinds := in.Kinds
	obsolete, isTerm, header := false, false, true
	terms := 0
	end := func() error {
		records := stanza
		if isTerm && code != "" && name == "" && !obsolete {
			return in.fault("%s has no name", code)
		}
		if isTerm && code != "" && !obsolete {
			terms++
			if err := add.all(concept(code, kinds, index.Leaf), term(code, index.Preferred, name)); err != nil {
				return err
			}
			for _, r := range records {
				r.Code = code
				if err := add(r); err != nil {
					return err
				}
			}
		}
		stanza, code, name, obsolete = stanza[:0], "", "", false
		return nil
	}
	for line, err := range in.lines(true) {
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "[") {
			if err := end(); err != nil {
				return err
			}
			isTerm, header = line == "[Term]", false
			continue
		}
		tag, value, found := strings.Cut(line, ":")
		if !found {
			if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "!") {
				return in.fault("expected a tag and a value: the file was cut off, or is no OBO")
			}
			continue
		}
		value = strings.TrimSpace(value)
		if header {
			switch tag {
			case "ontology":
				known := ontologies[value]
				say(&in.System, known.system)
				say(&in.Title, known.title)
				if kinds == 0 {
					kinds = known.kinds
				}
				if kinds == 0 {
					return in.fault("what the concepts of %q are is not known: say it (--of problem, for example)", value)
				}
			case "data-version":
				say(&in.Version, versionOf(value))
			}
			continue
		}
		switch tag {
		case "id":
			code = value
		case "name":
			name = value
		case "is_obsolete":
			obsolete = value == "true"
		case "synonym":
			quoted := quotedName.FindStringSubmatch(value)
			if quoted == nil {
				return in.fault("a synonym without its quotes")
			}
			text, err := strconv.Unquote(`"` + quoted[1] + `"`)
			if err != nil {
				text = strings.ReplaceAll(quoted[1], `\`, "")
			}
			kind := index.Related
			if strings.HasPrefix(quoted[2], "EXACT") {
				kind = index.Synonym
			}
			stanza = append(stanza, term("", kind, text))
		case "is_a":
			parent, _, _ := strings.Cut(value, " ")
			stanza = append(stanza, above("", parent))
		case "xref":
			reference, _, _ := strings.Cut(value, " ")
			prefix, target, _ := strings.Cut(reference, ":")
			if strings.HasPrefix(prefix, "SNOMEDCT") {
				prefix = "SNOMEDCT"
			}
			if system := referred[prefix]; system != "" && target != "" {
				stanza = append(stanza, maps("", system, target))
			}
		}
	}
	if err := end(); err != nil {
		return err
	}
	if terms == 0 {
		return in.fault("no [Term] was found: this is no ontology in OBO format")
	}
	return nil
}

// releaseDate is the date of a release.
var releaseDate = regexp.MustCompile(`\d{4}-\d{2}-\d{2}`)

func versionOf(value string) string {
	if date := releaseDate.FindString(value); date != "" {
		return date
	}
	return value
}
