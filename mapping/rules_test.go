package mapping_test

import (
	"strings"
	"testing"

	"charthand/mapping"
)

// A site's file changes what it names and nothing else; every fault is named by its place.
func TestSiteRules(t *testing.T) {
	rules, err := mapping.ReadRules([]byte("aiLabel: tag\nstatuses: { Condition: { negated: { verificationStatus: refuted }, ruledOut: null } }\n" +
		"schemas: { maccrobat: { Sign_symptom: { resource: Observation } } }\n"))
	if err != nil {
		t.Fatal(err)
	}
	if rules.AILabel != mapping.LabelTag || rules.Schemas["maccrobat"]["Sign_symptom"].Resource != mapping.Observation || rules.Schemas["maccrobat"]["Medication"].Resource != mapping.MedicationStatement {
		t.Errorf("%+v", rules)
	}
	statuses := rules.Statuses[mapping.Condition]
	if _, there := statuses[mapping.KindRuledOut]; there || statuses[mapping.KindNegated].VerificationStatus != "refuted" || statuses[mapping.KindPresent].ClinicalStatus != "active" {
		t.Errorf("%+v", statuses)
	}
	for name, test := range map[string]struct{ site, want string }{
		"unknown key":        {"identifierSystem: urn:a\naiLable: security", "[2:1] unknown field"},
		"unknown mode":       {"aiLabel: loud", `aiLabel: "loud" is none of`},
		"unknown scope":      {"scope: planet", `scope: "planet" is none of`},
		"unknown resource":   {"schemas: { maccrobat: { Medication: { resource: MedicationRequest } } }", `schemas.maccrobat.Medication: "MedicationRequest" is not`},
		"wrong status":       {"statuses: { MedicationStatement: { planned: { status: refused } } }", "statuses.MedicationStatement.planned"},
		"no code":            {"statuses: { MedicationStatement: { planned: { status: invalid-uninitialized } } }", "statuses.MedicationStatement.planned"},
		"wrong assertion":    {"statuses: { MedicationStatement: { dreamt: { status: active } } }", "statuses.MedicationStatement.dreamt: not an assertion"},
		"refuted and active": {"statuses: { Condition: { ruledOut: { clinicalStatus: active } } }", "a refuted Condition has no clinicalStatus"},
		"allergy's status":   {"statuses: { AllergyIntolerance: { ruledOut: { clinicalStatus: null } } }", "an AllergyIntolerance needs a clinicalStatus"},
		"in error":           {"statuses: { Procedure: { negated: { status: entered-in-error } } }", "entered-in-error is for retractions"},
		"wrong score":        {"schemas: { maccrobat: { Medication: { minScore: 5 } } }", "is not between 0 and 1"},
		"both":               {"schemas: { maccrobat: { Dosage: { resource: Condition } } }", "schemas.maccrobat.Dosage: needs one of resource and part"},
		"no vital sign":      {"schemas: { maccrobat: { Height: { measures: depth } } }", "schemas.maccrobat.Height.measures"},
		"strength":           {"strength: [present]", "strength: needs each of"},
		"no organisation":    {"onBehalfOf: Patient/1", "onBehalfOf"},
		"not YAML":           {"schemas: [", "mapping rules"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := mapping.ReadRules([]byte(test.site)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q in %v", test.want, err)
			}
		})
	}
}
