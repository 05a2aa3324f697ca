package nlp

import "errors"

// Understanding gives the stages that follow the recognition of mentions, in their order: structure first, then what the note
// says of each mention, what belongs together, and the concepts last.
func Understanding() (Pipeline, error) {
	roles, err := defaultRoles()
	if err != nil {
		return nil, err
	}
	structure, errStructure := newStructure()
	assert, errAssert := newAssert(roles)
	relate, errRelate := newRelate(roles)
	values, errValues := newValues(roles)
	dates, errDates := newDates(roles)
	sigs, errSigs := newSigs(roles)
	group, errGroup := newGroup(roles)
	if err := errors.Join(errGroup, errStructure, errAssert, errRelate, errValues, errDates, errSigs); err != nil {
		return nil, err
	}
	return Pipeline{structure, assert, relate, values, dates, sigs, group}, nil
}
