package smart

import (
	"regexp"
	"slices"
	"strings"
)

// plain are the scopes that are no permissions.
var plain = []string{"openid", "fhirUser", "profile", "launch", "launch/patient", "offline_access", "online_access"}

// resourceScope is a SMART scope of version 2, without a search that narrows it.
var resourceScope = regexp.MustCompile(`^(patient|user)/(\*|[A-Z][A-Za-z]*)\.(c?r?u?d?s?)$`)

// permission is a scope that lets an app at resources.
type permission struct{ context, resourceType, letters string }

func (p permission) String() string { return p.context + "/" + p.resourceType + "." + p.letters }

func parsePermission(scope string) (p permission, ok bool) {
	m := resourceScope.FindStringSubmatch(scope)
	if m == nil || m[3] == "" {
		return p, false
	}
	return permission{m[1], m[2], m[3]}, true
}

// scopes are what was granted.
type scopes []string

func (s scopes) has(scope string) bool { return slices.Contains(s, scope) }

func (s scopes) String() string { return strings.Join(s, " ") }

// hasContext reports whether there is a permission of a context: patient or user.
func (s scopes) hasContext(context string) bool {
	return slices.ContainsFunc(s, func(scope string) bool { return strings.HasPrefix(scope, context+"/") })
}

// allow reports whether an interaction (one of the letters c, r, u, d, s) with a type is allowed in a context.
func (s scopes) allow(context, resourceType, letter string) bool {
	return slices.ContainsFunc(s, func(scope string) bool {
		p, ok := parsePermission(scope)
		return ok && p.context == context && (p.resourceType == "*" || p.resourceType == resourceType) && strings.Contains(p.letters, letter)
	})
}

// grantable gives those of the scopes asked for that are known, and no wider than the most that is granted; "" is no bound.
func grantable(asked, most string) (granted scopes) {
	add := func(scope string) {
		if !granted.has(scope) {
			granted = append(granted, scope)
		}
	}
	bound := strings.Fields(most)
	for scope := range strings.FieldsSeq(asked) {
		p, ok := parsePermission(scope)
		switch {
		case !ok && !slices.Contains(plain, scope):
		case most == "" || slices.Contains(bound, scope):
			add(scope)
		case ok:
			for _, limit := range bound {
				if l, ok := parsePermission(limit); ok {
					if narrowed := p.within(l); narrowed.letters != "" {
						add(narrowed.String())
					}
				}
			}
		}
	}
	return granted
}

// within gives what two permissions have in common; without letters, nothing.
func (p permission) within(l permission) permission {
	switch {
	case p.context != l.context:
		return permission{}
	case p.resourceType == "*":
		p.resourceType = l.resourceType
	case l.resourceType != "*" && l.resourceType != p.resourceType:
		return permission{}
	}
	p.letters = strings.Map(func(r rune) rune {
		if strings.ContainsRune(l.letters, r) {
			return r
		}
		return -1
	}, p.letters)
	return p
}
