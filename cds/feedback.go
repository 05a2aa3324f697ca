package cds

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"charthand/fhir"
	"charthand/mapping/resource"

	"github.com/google/uuid"
)

// Outcome is what a reader has made of a card.
type Outcome string

// The outcomes that there are.
const (
	Accepted   Outcome = "accepted"
	Overridden Outcome = "overridden"
)

// Feedback is what is kept of what a reader has made of a card: nothing that anybody has written.
type Feedback struct {
	Card    string  `json:"card"`
	Outcome Outcome `json:"outcome,omitempty"`
	// Reason is the code of one of the card's own reasons, empty for any other.
	Reason string `json:"reason,omitempty"`
}

// maxFeedback is how many cards one call may speak of.
const maxFeedback = 100

// ReadFeedback reads what a client tells of cards; the error is a *fhir.Fault that names the place of every fault, and holds nothing of what was told.
func ReadFeedback(data []byte) ([]Feedback, error) {
	var sent struct {
		Feedback []struct {
			Card     string  `json:"card"`
			Outcome  Outcome `json:"outcome"`
			Override struct {
				Reason resource.Code `json:"reason"`
			} `json:"overrideReason"`
			At string `json:"outcomeTimestamp"`
		} `json:"feedback"`
	}
	faults := &fhir.Fault{}
	check := func(holds bool, code fhir.IssueCode, place, what string) {
		if !holds {
			faults.Issues = append(faults.Issues, fhir.Issue{Severity: fhir.SeverityError, Code: code, Expression: place, Diagnostics: what})
		}
	}
	if json.Unmarshal(data, &sent) != nil {
		check(false, fhir.CodeStructure, "", "the body is no feedback on cards")
		return nil, faults
	}
	check(len(sent.Feedback) > 0, fhir.CodeRequired, "feedback", "there is none")
	check(len(sent.Feedback) <= maxFeedback, fhir.CodeTooLong, "feedback", fmt.Sprintf("more than %d", maxFeedback))
	var list []Feedback
	for i, one := range sent.Feedback[:min(len(sent.Feedback), maxFeedback)] {
		place := fmt.Sprintf("feedback[%d].", i)
		card, err := uuid.Parse(one.Card)
		check(err == nil, fhir.CodeValue, place+"card", "expected the UUID of a card")
		check(one.Outcome == Accepted || one.Outcome == Overridden, fhir.CodeInvalidCode, place+"outcome", "expected accepted or overridden")
		_, err = time.Parse(time.RFC3339, one.At)
		check(err == nil, fhir.CodeValue, place+"outcomeTimestamp", "expected a time such as 2026-11-30T12:00:00Z")
		f := Feedback{Card: card.String(), Outcome: one.Outcome}
		if slices.ContainsFunc(overrideReasons, func(own resource.Code) bool { return isCode(own, one.Override.Reason) }) {
			f.Reason = one.Override.Reason.Code
		}
		list = append(list, f)
	}
	if len(faults.Issues) > 0 {
		return nil, faults
	}
	return list, nil
}
