package note

import (
	"regexp"
	"strings"
)

// style is what the style of an element says of its text.
type style struct {
	hidden, struck, raised, symbol bool
	keep, fold                     bool // its blanks
	display                        role // inline where that is not said
}

// Properties that change how a text reads.
var (
	hides    = regexp.MustCompile(`(?i)(^|[;\s])(display\s*:\s*none|visibility\s*:\s*(hidden|collapse)|mso-hide\s*:\s*all)`)
	strikes  = regexp.MustCompile(`(?i)(^|[;\s])text-decoration(-line)?\s*:[^;]*line-through`)
	keeps    = regexp.MustCompile(`(?i)(^|[;\s])white-space\s*:\s*(pre|break-spaces)`)
	folds    = regexp.MustCompile(`(?i)(^|[;\s])white-space\s*:\s*(normal|nowrap)`)
	raises   = regexp.MustCompile(`(?i)(^|[;\s])vertical-align\s*:\s*(super|sub|[1-9]|-[1-9])`)
	blocks   = regexp.MustCompile(`(?i)(^|[;\s])display\s*:\s*(block|table-row|list-item|flex|grid|table)\s*($|[;!])`)
	boxes    = regexp.MustCompile(`(?i)(^|[;\s])display\s*:\s*(inline-block|table-cell|inline-flex)`)
	isSymbol = regexp.MustCompile(`(?i)(^|[;\s])font(-family)?\s*:([^;]*\s)?["']?symbol\b`)
)

// styleOf reads declarations: a style attribute, or the body of a rule.
func styleOf(declarations string) (s style) {
	if declarations == "" {
		return s
	}
	s.hidden, s.struck = hides.MatchString(declarations), strikes.MatchString(declarations)
	s.raised, s.symbol = raises.MatchString(declarations), isSymbol.MatchString(declarations)
	s.keep, s.fold = keeps.MatchString(declarations), folds.MatchString(declarations)
	switch {
	case blocks.MatchString(declarations):
		s.display = line
	case boxes.MatchString(declarations):
		s.display = apart
	}
	return s
}

// with adds what another says.
func (s style) with(o style) style {
	s.hidden, s.struck, s.raised, s.symbol = s.hidden || o.hidden, s.struck || o.struck, s.raised || o.raised, s.symbol || o.symbol
	s.keep, s.fold = s.keep || o.keep, s.fold || o.fold
	s.display = max(s.display, o.display)
	return s
}

// Bounds on the rules of a page that are looked at.
const (
	maxRules      = 2000
	maxStyleSheet = 1 << 20 // bytes
)

// cssRule is a rule of a style sheet, without those that stand in another.
var cssRule = regexp.MustCompile(`([^{}]+)\{([^{}]*)\}`)

// addRules reads the rules of a style sheet for classes that change how a text reads: ".gone { display: none }". Rules for anything else are
// passed over.
func addRules(sheet string, rules map[string]style) {
	for _, rule := range cssRule.FindAllStringSubmatch(sheet[:min(len(sheet), maxStyleSheet)], maxRules) {
		l := styleOf(rule[2])
		if (l == style{}) {
			continue
		}
		for selector := range strings.SplitSeq(rule[1], ",") {
			selector = strings.TrimSpace(selector)
			if i := strings.LastIndexAny(selector, " >+~\n\t"); i >= 0 {
				continue // for some places alone
			}
			if _, class, is := strings.Cut(selector, "."); is && len(rules) < maxRules {
				class = strings.ToLower(class)
				rules[class] = rules[class].with(l)
			}
		}
	}
}

// isStruck reports whether an element strikes its text out.
func isStruck(name string) bool { return name == "del" || name == "s" || name == "strike" }
