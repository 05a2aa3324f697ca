package nlp

import "errors"

// Understanding gives the stages that follow the recognition of mentions, in their order: structure first, then what each mention is,
// what the note says of it, what belongs together, and the concepts last.
func Understanding() (Pipeline, error) {
	structure, errStructure := newStructure()
	sigs, errSigs := newSigs()
	kinds, errKinds := newKinds(sigs)
	assert, errAssert := newAssert()
	relate, errRelate := newRelate()
	values, errValues := newValues()
	dates, errDates := newDates()
	allergies, errAllergies := newAllergies()
	group, errGroup := newGroup()
	if err := errors.Join(errStructure, errSigs, errKinds, errAssert, errRelate, errValues, errDates, errAllergies, errGroup); err != nil {
		return nil, err
	}
	return Pipeline{structure, kinds, allergies, assert, relate, values, dates, sigs, group}, nil
}
