package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"charthand/fhir"
)

func (r *run) readBack(ctx context.Context) finding {
	if len(r.names) == 0 {
		return skipped("no facts were written")
	}
	var f finding
	unfaithful := 0
	for _, entry := range r.bundle.Entry {
		name, is := r.names[entry.FullURL]
		if !is {
			continue // it was refused, and that is reported
		}
		sent, _ := entry.Resource.(tree)
		found, err := r.read(ctx, name)
		if err != nil {
			unfaithful++
			f.details = append(f.details, name+": "+reason(err))
			continue
		}
		d := compare(r.config.Base, r.names, sent, found)
		if !d.isFaithful() {
			unfaithful++
		}
		f.details = append(f.details, d.lines(name)...)
	}
	f.details = gather(f.details)
	if f.status, f.found = OK, fmt.Sprintf("%d resources as they were sent", len(r.names)); unfaithful > 0 {
		f.status, f.found = Failed, fmt.Sprintf("%d of %d resources are not what was sent", unfaithful, len(r.names))
	}
	return f
}

// gather puts together what was said of several resources in the same words.
func gather(lines []string) (list []string) {
	var order []string
	of := map[string][]string{}
	for _, line := range lines {
		name, words, _ := strings.Cut(line, ": ")
		if of[words] == nil {
			order = append(order, words)
		}
		of[words] = append(of[words], name)
	}
	for _, words := range order {
		names := of[words]
		if len(names) > 3 {
			names = []string{fmt.Sprintf("%d resources", len(names))}
		}
		list = append(list, strings.Join(names, ", ")+": "+words)
	}
	return list
}

// condition gives the search by which an entry is the same as what is there already; empty where it has none.
func condition(entry fhir.Entry) string {
	resourceType, search, is := strings.Cut(entry.Request.URL, "?")
	switch {
	case is:
		return resourceType + "?" + search
	case entry.Request.IfNoneExist != "":
		return entry.Request.URL + "?" + entry.Request.IfNoneExist
	case entry.Request.Method == http.MethodPut:
		_, id, _ := strings.Cut(entry.Request.URL, "/")
		return resourceType[:strings.IndexByte(resourceType, '/')] + "?_id=" + url.QueryEscape(id)
	}
	return ""
}

// unclaimed says what of the way in which the Bundle asks to be written the server does not claim; empty for nothing.
func (r *run) unclaimed() string {
	for _, entry := range r.bundle.Entry {
		resourceType := typeOf(entry.Request.URL)
		claimed := r.claims.of(resourceType)
		switch {
		case condition(entry) == "":
			return "the Bundle asks for new resources each time (--write post)"
		case entry.Request.IfNoneExist != "" && !claimed.ConditionalCreate:
			return "the server does not claim conditional create of " + resourceType
		case strings.Contains(entry.Request.URL, "?") && !claimed.ConditionalUpdate:
			return "the server does not claim conditional update of " + resourceType
		}
	}
	return ""
}

// again writes the Bundle a second time.
func (r *run) again(ctx context.Context) finding {
	if len(r.names) == 0 {
		return skipped("no facts were written")
	}
	if why := r.unclaimed(); why != "" {
		return unsupported("%s: written again, each would be there twice", why)
	}
	before := len(r.server.written)
	var names map[string]string
	if r.inTransaction {
		var err error
		if names, err = r.transact(ctx); err != nil {
			return failed("%s", reason(err))
		}
	} else {
		var f finding
		if names, f = r.writeSingly(ctx); f.status != OK {
			return f
		}
	}
	var f finding
	for _, name := range r.server.written[before:] {
		f.details = append(f.details, name+" is new")
	}
	for _, fullURL := range slices.Sorted(maps.Keys(r.names)) {
		if first, second := r.names[fullURL], names[fullURL]; second != first {
			f.details = append(f.details, fmt.Sprintf("%s is %s now", first, second))
		}
	}
	begun := time.Now()
	for _, entry := range r.bundle.Entry {
		name, is := r.names[entry.FullURL]
		if resourceType, search, _ := strings.Cut(condition(entry), "?"); is && r.claims.searches(resourceType, search[:strings.IndexByte(search, '=')]) {
			f.details = append(f.details, r.expect(ctx, condition(entry), name)...)
		}
	}
	if f.status, f.found = OK, fmt.Sprintf("the same %d resources, each there once%s", len(names), settledBy(begun)); len(f.details) > 0 {
		f.status, f.found = Failed, fmt.Sprintf("%d resources were not the same, or not there once", len(f.details))
	}
	return f
}

// settledBy gives how long the settling took, where that is worth a word.
func settledBy(begun time.Time) string {
	if took := time.Since(begun); took > time.Second {
		return fmt.Sprintf(" after %.1f s", took.Seconds())
	}
	return ""
}

// expect says in what way a search does not find just what it should; nothing where it does.
func (r *run) expect(ctx context.Context, query string, want ...string) []string {
	var found []string
	slices.Sort(want)
	err := r.eventually(ctx, r.config.Settle, func() (bool, error) {
		list, err := r.server.find(ctx, r.config.Run, query)
		found = namesOf(list)
		return slices.Equal(found, want), err
	})
	switch {
	case err != nil:
		return []string{query + ": " + reason(err)}
	case slices.Equal(found, want):
		return nil
	}
	return []string{fmt.Sprintf("%s: expected %s, found %s", query, strings.Join(want, ", "), strings.Join(found, ", "))}
}

func namesOf(list []json.RawMessage) (names []string) {
	for _, raw := range list {
		names = append(names, fhir.NameOf(raw))
	}
	slices.Sort(names)
	return names
}

// search makes the searches that charthand makes beside a server.
func (r *run) search(ctx context.Context) finding {
	if r.patient == nil {
		return skipped("nothing was written")
	}
	type search struct {
		resourceType string
		parameters   []string
		query        string
		want         []string
	}
	searches := []search{{"Patient", []string{"identifier"}, byIdentifier(r.config.Run, "patient"), []string{r.patient.name}}}
	if r.document != nil {
		at := url.QueryEscape(r.patient.name)
		searches = append(searches,
			search{"DocumentReference", []string{"identifier"}, byIdentifier(r.config.Run, "document"), []string{r.document.name}},
			search{"DocumentReference", []string{"subject", "status", "_lastUpdated"}, "subject=" + at + "&status=current&_lastUpdated=ge2000-01-01&_sort=_lastUpdated", []string{r.document.name}},
			search{"DocumentReference", []string{"subject", "relatesto"}, "subject=" + at + "&relatesto=" + url.QueryEscape(r.document.name), nil})
	}
	var facts, provenances []string
	for _, name := range r.names {
		switch typeOf(name) {
		case "Device":
		case "Provenance":
			provenances = append(provenances, name)
		default:
			facts = append(facts, name)
		}
	}
	if len(provenances) > 0 && len(facts) > 0 {
		searches = append(searches,
			search{"Provenance", []string{"entity"}, "entity=" + url.QueryEscape(r.document.name) + "&_include=Provenance:target", append(slices.Clone(facts), provenances...)},
			search{"Provenance", []string{"target"}, "target=" + url.QueryEscape(facts[0]), provenances})
	}
	begun := time.Now()
	var f finding
	made, wrong := 0, 0
	for _, s := range searches {
		if i := slices.IndexFunc(s.parameters, func(name string) bool { return !r.claims.searches(s.resourceType, name) }); i >= 0 {
			f.details = append(f.details, fmt.Sprintf("%s by %s is not claimed: not tried", s.resourceType, s.parameters[i]))
			continue
		}
		made++
		faults := r.expect(ctx, s.resourceType+"?"+s.query, s.want...)
		wrong += len(faults)
		f.details = append(f.details, faults...)
		r.isFound[s.resourceType] = r.isFound[s.resourceType] || len(faults) == 0
	}
	switch f.status, f.found = OK, fmt.Sprintf("%d searches find what they should%s", made, settledBy(begun)); {
	case wrong > 0:
		f.status, f.found = Failed, fmt.Sprintf("%d of %d searches do not find what they should", wrong, made)
	case made == 0:
		f.status, f.found = Unsupported, "no search is claimed"
	}
	return f
}

func (r *run) conditionalUpdate(ctx context.Context) finding {
	switch {
	case r.patient == nil:
		return skipped("there is no test Patient")
	case !r.claims.of("Patient").ConditionalUpdate:
		return unsupported("the server does not claim conditional update of Patient")
	case !r.isFound["Patient"]: // it could be another's that is written over
		return skipped("the test Patient was not found by its identifier")
	}
	changed := patient(r.config.Run)
	changed["active"] = false
	answer, err := r.server.Update(ctx, "Patient?"+byIdentifier(r.config.Run, "patient"), "", changed)
	if err != nil {
		return failed("%s", reason(err))
	}
	if answer.Status != http.StatusOK {
		return failed("status %d: a Patient was made", answer.Status)
	}
	found, err := r.read(ctx, r.patient.name)
	if err != nil {
		return failed("%s: %s", r.patient.name, reason(err))
	}
	d := compare(r.config.Base, r.names, changed, found)
	if !d.isFaithful() {
		f := failed("%s is not what was sent", r.patient.name)
		f.details = d.lines("Patient")
		return f
	}
	return ok("%s is changed", r.patient.name)
}
