package mapping

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"charthand/fhir"
	"charthand/mapping/resource"
)

// recognize finds the prior facts that facts of a new identity are nevertheless, where a person has decided on them, and enters them among
// the known ones under that identity: nothing is written beside a decision. Such are
//
//   - one whose identifier is gone, and that says the same or was read at the same place, and
//   - one that was read at the same place in other words, by another model; these are given as alike.
//
// It is no guess between several: where two facts are read where one was, or one where two were, both stand.
func (r *reader) recognize(facts []*fact, known map[string]PriorFact) (alike map[string]bool) {
	alike = map[string]bool{}
	said := map[string]bool{}
	var fresh []*fact
	for _, f := range facts {
		said[f.id] = true
		if _, held := known[f.id]; !held {
			fresh = append(fresh, f)
		}
	}
	left, isDecided := map[string]stand{}, false // prior facts that are not said under their own identities
	for id, prior := range known {
		if !said[id] {
			left[id] = r.standOf(prior)
			isDecided = isDecided || !prior.Ours
		}
	}
	if !isDecided {
		return alike
	}
	text := []rune(r.d.Text.Body)
	touching := map[*fact][]string{}
	touched := map[string]int{}
	for _, f := range fresh {
		for id, s := range left {
			if known[id].Type == string(f.resource) && s.touches(r, f, text) {
				touching[f] = append(touching[f], id)
				touched[id]++
			}
		}
	}
	w := newWriter(r, facts, nil)
	order := slices.Sorted(maps.Keys(left))
	for _, f := range fresh {
		made, err := fhir.Encode(w.resource(f))
		if err != nil {
			continue
		}
		name, details := saying(made)
		for _, id := range order {
			prior, unmet := known[id]
			if !unmet || prior.Ours || prior.Type != string(f.resource) {
				continue
			}
			heldName, heldDetails := saying(prior.written())
			isNamed := len(prior.Identities) > 0
			isThere := len(touching[f]) == 1 && touching[f][0] == id && touched[id] == 1 && left[id].isSame(r, f, text)
			if details != heldDetails || !isThere && (isNamed || name != heldName) {
				continue
			}
			delete(known, id)
			known[f.id], alike[f.id] = prior, isNamed
			break
		}
	}
	return alike
}

// written gives the state of a fact that tells most of how charthand wrote it.
func (p *PriorFact) written() json.RawMessage {
	if p.Was != nil {
		return p.Was
	}
	return p.Resource
}

// stand is where a fact was read: its first mention, without its parts.
type stand struct {
	document, path, version string
	start, end              int // Unicode code points; no place where they are equal
	words                   string
}

// standOf reads where a prior fact was read.
func (r *reader) standOf(prior PriorFact) (s stand) {
	var held struct {
		Extension  []resource.Extension     `json:"extension"`
		Code       resource.CodeableConcept `json:"code"`
		Medication resource.CodeableConcept `json:"medicationCodeableConcept"`
	}
	if json.Unmarshal(prior.written(), &held) != nil {
		return s
	}
	s.words = held.Code.Text + held.Medication.Text
	for _, extension := range held.Extension {
		if extension.URL == r.config.Rules.Namespace+versionExtension {
			s.version = extension.ValueString
		}
		if extension.URL != derivationReference || s.path != "" {
			continue
		}
		length := 0
		for _, part := range extension.Extension {
			switch {
			case part.URL == "reference" && part.ValueReference != nil:
				s.document = fhir.LocalReference(part.ValueReference.Reference)
			case part.URL == "path":
				s.path = part.ValueString
			case part.URL == "offset" && part.ValueInteger != nil:
				s.start = *part.ValueInteger
			case part.URL == "length" && part.ValueInteger != nil:
				length = *part.ValueInteger
			}
		}
		s.end = s.start + length
	}
	return s
}

// isHere reports whether what was read stands in this text too: it is of the same version of the same document, or the same words stand there.
func (s stand) isHere(r *reader, text []rune) bool {
	if s.path != r.path() || s.start < 0 || s.start >= s.end || s.end > len(text) {
		return false
	}
	source := r.note.source
	return s.document != "" && s.document == fhir.LocalReference(source.reference.Reference) && s.version == source.version ||
		s.words != "" && strings.EqualFold(words(string(text[s.start:s.end])), s.words)
}

// touches reports whether a mention of a fact overlaps the place.
func (s stand) touches(r *reader, f *fact, text []rune) bool {
	return s.isHere(r, text) && slices.ContainsFunc(f.mentions, func(m mention) bool {
		start, end := r.placeOf(m)
		return start < s.end && s.start < end
	})
}

// joins are words and signs that join two things: what lies beyond them may be another.
var joins = regexp.MustCompile(`(?i)[^\pL\pM\pN\s'’-]|\b(and|or|nor|no|not|with|without|of|due|to|from|in|on|by|for|after|before|because|vs|versus)\b`)

// isSame reports whether a mention of a fact is the place, with fewer words or more, that make no other thing of it.
func (s stand) isSame(r *reader, f *fact, text []rune) bool {
	return slices.ContainsFunc(f.mentions, func(m mention) bool {
		start, end := r.placeOf(m)
		if start > s.start || end < s.end { // the shorter one is within the longer one
			if start < s.start || end > s.end {
				return false
			}
		}
		before, after := text[min(start, s.start):max(start, s.start)], text[min(end, s.end):max(end, s.end)]
		return !joins.MatchString(string(before)) && !joins.MatchString(string(after))
	})
}

// placeOf gives the place of a mention, without its parts, in Unicode code points.
func (r *reader) placeOf(m mention) (start, end int) {
	span := m.evidence[0]
	return r.d.Text.CodePoint(span.Start), r.d.Text.CodePoint(span.End)
}

// saying gives what a resource says of what tells one fact from another: what it is called, and the rest.
func saying(raw json.RawMessage) (name, details string) {
	members, err := decode(raw)
	if err != nil {
		return "", ""
	}
	for _, element := range []string{"code", "medicationCodeableConcept"} {
		concept, _ := members[element].(map[string]any)
		text, _ := concept["text"].(string)
		name += strings.ToLower(text)
	}
	var rest []any
	for _, element := range slices.Sorted(maps.Keys(members)) {
		isTime := strings.HasPrefix(element, "performed") || strings.HasPrefix(element, "effective")
		if isTime || strings.HasPrefix(element, "value") || slices.Contains([]string{"bodySite", "component", "dosage", "relationship", "condition"}, element) {
			rest = append(rest, element, members[element])
		}
	}
	return name, fmt.Sprint(rest...)
}
