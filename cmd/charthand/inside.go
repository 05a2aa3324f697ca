package main

import (
	"maps"
	"slices"

	"charthand/mapping"
	"charthand/mapping/resource"
	"charthand/nlp/measure"
	"charthand/nlp/section"
	"charthand/nlp/sig"
	"charthand/terminology"
	"charthand/terminology/index"
	"charthand/terminology/source"
)

// codesInside gives the codes that the rules and words inside the binary have: vital signs, severities, routes, units and sections. NOTICE says
// whose they are.
func codesInside(rules *mapping.Rules) ([]terminology.Named, error) {
	var list []terminology.Named
	add := func(code resource.Code, kinds index.Kinds, names []string) {
		list = append(list, terminology.Named{System: code.System, Code: code.Code, Display: code.Display, Kinds: kinds, Names: names})
	}
	for _, name := range slices.Sorted(maps.Keys(rules.VitalSigns)) {
		sign := rules.VitalSigns[name]
		for _, code := range sign.Codes {
			add(code, index.Test, append([]string{name}, sign.Names...))
		}
	}
	for _, degree := range slices.Sorted(maps.Keys(rules.Severities)) {
		add(rules.Severities[degree].Code, index.Other, rules.Severities[degree].Words)
	}
	routes, err := sig.Routes()
	if err != nil {
		return nil, err
	}
	for _, route := range routes {
		add(resource.Code{System: source.SNOMED, Code: route.Code, Display: route.Display}, index.Other, route.Words)
	}
	units, err := measure.UnitNames()
	if err != nil {
		return nil, err
	}
	for _, code := range slices.Sorted(maps.Keys(units)) {
		add(resource.Code{System: measure.UCUM, Code: code, Display: code}, index.Other, units[code])
	}
	sections, err := section.Names()
	if err != nil {
		return nil, err
	}
	for _, s := range sections {
		add(resource.Code{System: source.LOINC, Code: s.Code, Display: s.Name}, index.Other, s.Headings)
	}
	return list, nil
}
