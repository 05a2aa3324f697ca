package when

import (
	"strings"
	"time"

	"charthand/nlp/text"
)

// All reads the expressions of a note, which are in the order of the text. What the note says of the days of its events (an
// admission, an operation) is read first, so that "POD 2" becomes a date where it can.
func (r *Reader) All(t *text.Text, sentences []text.Run, spans []text.Span, noted time.Time, zone *time.Location) []Expression {
	found := make([]Expression, len(spans))
	if len(spans) == 0 {
		return found
	}
	anchor := Anchor{Date: noted, Zone: zone, Events: map[Event]time.Time{}}
	again := make([]int, 0, len(spans))
	at := 0
	asked, said := -1, false // the sentence that was last asked whether it speaks of today, and its answer
	for i, span := range spans {
		words := t.Cover(span)
		from, to := words.From, words.To
		if from == to || to-from > maxWords {
			continue
		}
		for at < len(sentences) && sentences[at].To <= from {
			at++
		}
		sentence := text.Run{From: 0, To: len(t.Tokens)}
		if at < len(sentences) {
			sentence = sentences[at]
		}
		anchor.Future = future(t, sentence.From, from)
		found[i] = r.Read(t, from, to, anchor)
		if found[i].After != nil {
			again = append(again, i)
			if at != asked {
				asked, said = at, today(t, sentence)
			}
			if said && !noted.IsZero() && r.numbersDay(t, words) {
				found[i] = Expression{DateTime: anchor.day().Format(dayForm)}
			}
			continue
		}
		if event := eventOf(t, sentence, from); event != "" {
			if day, err := time.Parse(dayForm, first(found[i].DateTime, len(dayForm))); err == nil {
				if _, known := anchor.Events[event]; !known {
					anchor.Events[event] = day
				}
			}
		}
	}
	for _, i := range again {
		if found[i].After == nil {
			continue
		}
		if _, known := anchor.Events[found[i].Event]; known {
			words := t.Cover(spans[i])
			found[i] = r.Read(t, words.From, words.To, anchor)
		}
	}
	return found
}

func first(s string, n int) string { return s[:min(n, len(s))] }

// How far before an expression the words that tell its meaning may stand, in tokens.
const (
	nearEvent  = 14
	nearFuture = 12
)

// maxWords bounds an expression, in tokens: what is longer is none.
const maxWords = 48

// numbersDay reports whether an expression counts the days since an event: "POD 4".
func (r *Reader) numbersDay(t *text.Text, words text.Run) bool {
	for i := words.From; i < words.To; i++ {
		for _, l := range []*text.Lexicon{r.numbered, r.counted} {
			if _, ok := l.Longest(t, i, words.To); ok {
				return true
			}
		}
	}
	return false
}

// The words that tell the day of an event, by how they begin or end.
var (
	admitted = []string{"admitted", "admission", "admit", "hospitalized", "presented"}
	released = []string{"discharged", "discharge"}
	born     = []string{"born", "birth", "dob", "delivered"}
	operated = []string{"surgery", "operation", "underwent", "postop", "procedure", "cabg", "tka", "tha", "orif", "turp", "bypass", "repair", "fusion", "replacement", "resection",
		"transplant", "amputation", "arthroplasty", "laminectomy", "graft", "arthroscopy", "craniotomy", "section", "whipple", "hysterectomy", "stenting", "evacuation", "excision", "ablation", "surgical"}
	endings = []string{"ectomy", "plasty", "otomy", "ostomy", "orrhaphy", "desis", "opexy"}
	coming  = []string{"return", "follow", "scheduled", "schedule", "will", "appointment", "appt", "rtc", "plan", "planned", "due", "edd", "edc", "next", "expected", "upcoming", "recheck",
		"remain", "arrange", "arranged", "plans", "expires", "start", "stop", "repeat", "booked", "set", "see", "should", "resume", "travel", "pending", "reschedule", "rescheduled", "needs", "take"}
	gone = []string{"was", "were", "had", "since", "lmp", "last", "seen", "placed", "showed", "started", "stopped", "underwent", "admitted", "did", "diagnosed", "returned", "began", "has", "went", "discharged", "received", "taken", "done", "from"}
)

// eventOf gives the event whose day the expression that begins at a token is, by the words of its sentence before it.
func eventOf(t *text.Text, sentence text.Run, from int) Event {
	for i := from - 1; i >= max(sentence.From, from-nearEvent); i-- {
		if t.Body[t.Tokens[i].Start] == ';' {
			break
		}
		word := t.Word(i)
		switch {
		case among(word, admitted):
			return Admission
		case among(word, released):
			return Discharge
		case among(word, born):
			return Birth
		case among(word, operated):
			return Surgery
		}
		for _, ending := range endings {
			if strings.HasSuffix(word, ending) {
				return Surgery
			}
		}
	}
	return ""
}

func among(word string, words []string) bool {
	for _, w := range words {
		if word == w {
			return true
		}
	}
	return false
}

// future reports whether the words before a token speak of what is to come: the nearest that tells decides.
func future(t *text.Text, from, i int) bool {
	for j := i - 1; j >= max(from, i-nearFuture); j-- {
		word := t.Word(j)
		if among(word, coming) {
			return true
		}
		if among(word, gone) || t.Body[t.Tokens[j].Start] == ';' {
			return false
		}
	}
	return false
}

// today reports whether a sentence says that it speaks of the note's day.
func today(t *text.Text, sentence text.Run) bool {
	for i := sentence.From; i < sentence.To; i++ {
		if t.Word(i) == "today" {
			return true
		}
	}
	return false
}
