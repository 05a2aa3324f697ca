package cds

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"charthand/mapping/resource"

	"github.com/google/uuid"
)

// Card is a card of CDS Hooks 2.0, with what is used of it.
type Card struct {
	UUID            string          `json:"uuid"`
	Summary         string          `json:"summary"`
	Detail          string          `json:"detail"`
	Indicator       string          `json:"indicator"`
	Source          Source          `json:"source"`
	OverrideReasons []resource.Code `json:"overrideReasons"`
	Links           []Link          `json:"links"`
}

// Source says where a card is from.
type Source struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// Link leads to the app.
type Link struct {
	Label string `json:"label"`
	URL   string `json:"url"`
	Type  string `json:"type"`
	// AppContext is an appContext in JSON.
	AppContext string `json:"appContext"`
}

// appContext tells the app what a card was about.
type appContext struct {
	Documents []string `json:"documents"`
	Facts     []string `json:"facts"`
}

// Bounds on a card.
const (
	maxSummary = 139 // characters: CDS Hooks wants fewer than 140
	maxShown   = 10  // concepts that a card names
	maxName    = 80  // characters of a name
	maxLinked  = 100 // facts, and documents, that the app is told of
)

// titles are what the cards are about, by list: one, several, and what lacks them.
var titles = [lists]struct{ one, many, lack string }{
	problems:    {"problem", "problems", "not on the problem list"},
	medications: {"medication", "medications", "not on the medication list"},
	allergies:   {"allergy", "allergies", "not on the allergy list"},
}

// ReasonSystem is the code system of the reasons to override a card.
const ReasonSystem = "urn:charthand:cds:override-reason"

// overrideReasons are why a card may be of no use.
var overrideReasons = []resource.Code{
	{System: ReasonSystem, Code: "listed", Display: "It is on the list under another name"},
	{System: ReasonSystem, Code: "misread", Display: "The notes do not say this"},
	{System: ReasonSystem, Code: "over", Display: "It is not so any more"},
	{System: ReasonSystem, Code: "minor", Display: "It does not belong on the list"},
}

// cardSpace is the UUID namespace of cards: each is the same for the same hook instance.
var cardSpace = uuid.MustParse("1f7c1a0e-52d6-5b0e-8a53-0a8f2f0c9d11")

// cards makes the cards of what the lists lack.
func (f *Finder) cards(hookInstance string, items []item) []Card {
	cards := []Card{}
	for of := range lists {
		var here []item
		for _, i := range items {
			if i.list == of {
				here = append(here, i)
			}
		}
		if len(here) > 0 {
			cards = append(cards, f.card(hookInstance, of, here))
		}
	}
	return cards
}

func (f *Finder) card(hookInstance string, of list, items []item) Card {
	title := titles[of]
	count := fmt.Sprintf("%d %s in notes, %s: ", len(items), title.many, title.lack)
	if len(items) == 1 {
		count = fmt.Sprintf("1 %s in notes, %s: ", title.one, title.lack)
	}
	var names []string
	var detail strings.Builder
	var context appContext
	for i, item := range items {
		names = append(names, plain(item.display))
		if i < maxShown {
			detail.WriteString(item.line())
			context.Facts = append(context.Facts, item.facts...)
			context.Documents = appendNew(context.Documents, item.documents)
		}
	}
	if more := len(items) - maxShown; more > 0 {
		fmt.Fprintf(&detail, "- and %d more\n", more)
	}
	detail.WriteString("\nFound by software, and reviewed by nobody yet.\n")
	context.Facts = context.Facts[:min(len(context.Facts), maxLinked)]
	context.Documents = context.Documents[:min(len(context.Documents), maxLinked)]
	encoded, _ := json.Marshal(context) // of strings alone
	return Card{
		UUID:            uuid.NewSHA1(cardSpace, []byte(hookInstance+"|"+title.many)).String(),
		Summary:         ellipsis(count+strings.Join(names, ", "), maxSummary),
		Detail:          detail.String(),
		Indicator:       "info",
		Source:          Source{"charthand", f.config.Base},
		OverrideReasons: overrideReasons,
		Links:           []Link{{"Review in charthand", f.config.Base + "/app/launch", "smart", string(encoded)}},
	}
}

// line is an item in Markdown.
func (i *item) line() string {
	notes := "1 note"
	if len(i.documents) > 1 {
		notes = fmt.Sprintf("%d notes", len(i.documents))
	}
	line := "- **" + escape(ellipsis(i.display, maxName)) + "**"
	if i.uncertain {
		line += " (uncertain)"
	}
	line += ", in " + notes
	if !i.last.IsZero() {
		line += ", last on " + i.last.Format(time.DateOnly)
	}
	return line + "\n"
}

// appendNew appends what a list does not have yet.
func appendNew(list, some []string) []string {
	known := map[string]bool{}
	for _, one := range list {
		known[one] = true
	}
	for _, one := range some {
		if !known[one] {
			list = append(list, one)
		}
	}
	return list
}

// ellipsis cuts a text to so many characters.
func ellipsis(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return strings.TrimRight(string(runes[:most-1]), " ,") + "…"
}

// plain gives a name in signs that mean nothing to whatever shows it.
func plain(name string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsMark(r), unicode.IsDigit(r), strings.ContainsRune(" .,()/%+-'", r):
			return r
		}
		return ' '
	}, name)
	return ellipsis(strings.Join(strings.Fields(kept), " "), maxName/2)
}

// escape gives a text that reads as it is in GitHub Flavored Markdown (section 2.4, and its autolinks), and as HTML too.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '@': // an address would become a link, escaped or not
			b.WriteString("(at)")
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r): // also what turns the direction of writing
		case r < 0x80 && (unicode.IsPunct(r) || unicode.IsSymbol(r)):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
