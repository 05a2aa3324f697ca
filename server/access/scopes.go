package access

import (
	"regexp"
	"strings"
)

// scope is one SMART scope on resources.
type scope struct {
	resourceType string // "*" for all
	ways         string // of "cruds"
}

// scopeForm is a SMART scope on resources, of version 2 ("system/DocumentReference.rs") or 1 ("system/*.read"). Those of one patient are not
// taken: what the server reads is not sorted by patients.
var scopeForm = regexp.MustCompile(`^(?:system|user)/(\*|[A-Z][A-Za-z]+)\.(c?r?u?d?s?|read|write|\*)$`)

// oldWays are the scopes of version 1 in letters of version 2.
var oldWays = map[string]string{"read": "rs", "write": "cud", "*": "cruds"}

// readScopes gives the scopes of a token that say anything here. One that is narrowed by a search ("…?category=…") is left out: it cannot be
// kept.
func readScopes(granted string) []scope {
	var list []scope
	for one := range strings.FieldsSeq(granted) {
		form := scopeForm.FindStringSubmatch(one)
		if form == nil || form[2] == "" {
			continue
		}
		ways := form[2]
		if old := oldWays[ways]; old != "" {
			ways = old
		}
		list = append(list, scope{form[1], ways})
	}
	return list
}

func (s scope) allows(resourceType, ways string) bool {
	if s.resourceType != "*" && s.resourceType != resourceType {
		return false
	}
	for _, way := range ways {
		if !strings.ContainsRune(s.ways, way) {
			return false
		}
	}
	return true
}
