package mapping

import (
	"strings"

	"charthand/fhir"
	"charthand/mapping/resource"
)

// revise gives what is written over a fact of a server: what charthand makes of it now, with the labels, tags and profiles that others have
// added. Where it says what it said, its profiles and its narrative hold still, whoever they are of.
func revise(fact PriorFact, made resource.Resource) (map[string]any, error) {
	held, err := decode(fact.Resource)
	if err != nil {
		return nil, err
	}
	encoded, err := fhir.Encode(made)
	if err != nil {
		return nil, err
	}
	revised, err := decode(encoded)
	if err != nil {
		return nil, err
	}
	revised["id"] = fact.ID
	before, _ := digestOfHeld(ResourceType(fact.Type), fact.Resource)
	isSame := before == digest(made)
	if text, has := held["text"]; has && isSame {
		revised["text"] = text
	}
	kept, _ := held["meta"].(map[string]any)
	ours, _ := revised["meta"].(map[string]any)
	meta := map[string]any{}
	for element, value := range kept {
		meta[element] = value
	}
	withoutServers(meta)
	for _, element := range []string{"profile", "security", "tag"} {
		if list := joined(kept[element], ours[element], isSame); len(list) > 0 {
			meta[element] = list
		} else {
			delete(meta, element)
		}
	}
	if revised["meta"] = meta; len(meta) == 0 {
		delete(revised, "meta")
	}
	return revised, nil
}

// joined gives a list of a meta as it is held, without what charthand has written there and writes no more, and with what it writes now. holds
// says that profiles that were claimed before may stay.
func joined(held, ours any, holds bool) []any {
	kept, _ := held.([]any)
	made, _ := ours.([]any)
	isMade := map[string]bool{}
	for _, element := range made {
		isMade[labelOf(element)] = true
	}
	var list []any
	there := map[string]bool{}
	for _, element := range kept {
		label := labelOf(element)
		profile, isProfile := element.(string)
		isGone := isProfile && !holds && strings.HasPrefix(profile, hl7) || label == aiAsserted.System+"|"+aiAsserted.Code
		if isMade[label] || !isGone {
			list, there[label] = append(list, element), true
		}
	}
	for _, element := range made {
		if !there[labelOf(element)] {
			list = append(list, element)
		}
	}
	return list
}

// hl7 is what the profiles that charthand claims begin with.
const hl7 = "http://hl7.org/fhir/"

// labelOf gives the name of a profile, or system and code of a label.
func labelOf(element any) string {
	if profile, is := element.(string); is {
		return profile
	}
	coding, _ := element.(map[string]any)
	system, _ := coding["system"].(string)
	code, _ := coding["code"].(string)
	return system + "|" + code
}
