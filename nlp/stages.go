package nlp

import "errors"

// Understanding gives the stages that follow the recognition of mentions, in their order: structure first, then what the note
// says of each mention, what belongs together, and the concepts last.
func Understanding() (Pipeline, error) {
	structure, errStructure := NewStructure()
	assert, errAssert := NewAssert()
	relate, errRelate := NewRelate()
	values, errValues := NewValues()
	dates, errDates := NewDates()
	sigs, errSigs := NewSigs()
	group, errGroup := NewGroup()
	if err := errors.Join(errGroup, errStructure, errAssert, errRelate, errValues, errDates, errSigs); err != nil {
		return nil, err
	}
	return Pipeline{structure, assert, relate, values, dates, sigs, group}, nil
}
