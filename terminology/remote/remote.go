// Package remote gives mentions their codes from a FHIR terminology server: it looks for them with ValueSet/$expand, has what it chose
// checked with CodeSystem/$validate-code, and asks ConceptMap/$translate for what corresponds to it. Everything goes in batches, in bodies: no
// mention is in the address of an HTTP request. Answers are kept in memory for a while.
package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"charthand/fhir/client"
	"charthand/nlp"
	"charthand/terminology/index"
	"charthand/terminology/match"
	"charthand/terminology/words"
)

// Server makes requests of a FHIR server: *client.Client does.
type Server interface {
	Do(ctx context.Context, method, path string, header http.Header, body []byte) (*client.Answer, error)
}

// Config says what is asked of the server.
type Config struct {
	Server Server
	// ValueSets are the canonical URLs of what each kind of mention is looked up in; a kind that has none gets no codes.
	ValueSets map[nlp.Kind]string
	// Targets are the systems that ConceptMaps are asked for, by URL.
	Targets []string
	// Threshold is the probability from which on a coding is chosen; the shipped calibration's by default.
	Threshold float64
	// Keep is how long an answer is used, Kept how many are: an hour and 10,000 by default.
	Keep time.Duration
	Kept int
	// Now gives the time; time.Now by default.
	Now func() time.Time
}

// The bounds of what is asked.
const (
	defaultKeep = time.Hour
	defaultKept = 10_000
	// maxBatch is how many requests one batch has.
	maxBatch = 50
	// maxFilters is how many wordings of a mention are looked for.
	maxFilters = 3
	// maxListed is how many concepts of an expansion are compared with a mention.
	maxListed = 100
	// maxCandidates is how many are kept.
	maxCandidates = 5
)

// Coder implements nlp.Coder. It is safe for concurrent use.
type Coder struct {
	config      Config
	former      *words.Former
	rules       *match.Rules
	said        *match.Sayings
	calibration *match.Calibration
	cache       *cache
}

// New makes a Coder.
func New(config Config) (*Coder, error) {
	c := &Coder{config: config}
	var errs [4]error
	c.former, errs[0] = words.Default()
	if errs[0] == nil {
		c.rules, errs[1] = match.DefaultRules(c.former)
	}
	c.said, errs[2] = match.DefaultSayings()
	c.calibration, errs[3] = match.DefaultCalibration()
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if len(config.ValueSets) == 0 {
		return nil, errors.New("no value set is named that mentions are looked up in")
	}
	c.config.Threshold = cmp.Or(config.Threshold, c.calibration.Threshold)
	if c.config.Now == nil {
		c.config.Now = time.Now
	}
	c.cache = newCache(cmp.Or(config.Keep, defaultKeep), cmp.Or(config.Kept, defaultKept), c.config.Now)
	return c, nil
}

// kinds are the kinds of concept that are asked of a drug and of anything else: a server knows its own kinds by its value sets.
func kindsOf(k nlp.Kind) index.Kinds {
	if k == nlp.KindDrug {
		return index.Drug
	}
	return index.Any
}

// Code implements nlp.Coder.
func (c *Coder) Code(ctx context.Context, mentions []nlp.Mention) ([][]nlp.Coding, error) {
	codings := make([][]nlp.Coding, len(mentions))
	queries := make([]*match.Query, len(mentions))
	var wanted []string
	for i, m := range mentions {
		if c.config.ValueSets[m.Kind] == "" {
			continue
		}
		queries[i] = match.Ask(c.former, c.said, m.Names, m.Modifiers, m.Section, kindsOf(m.Kind))
		wanted = append(wanted, c.expansions(m)...)
	}
	if err := c.fetch(ctx, wanted); err != nil {
		return codings, err
	}
	refused := 0
	for _, request := range wanted {
		if answer, there := c.cache.get(request); !there || answer == nil {
			refused++
		}
	}
	var checks []string
	for i, m := range mentions {
		if queries[i] == nil {
			continue
		}
		codings[i] = c.candidates(m, queries[i])
		if len(codings[i]) > 0 && codings[i][0].Chosen {
			checks = append(checks, checking(codings[i][0]))
			for _, target := range c.config.Targets {
				if target != codings[i][0].System {
					checks = append(checks, translation(codings[i][0], target))
				}
			}
		}
	}
	if err := c.fetch(ctx, checks); err != nil {
		for _, list := range codings { // what was not checked is not written
			if len(list) > 0 {
				list[0].Chosen = false
			}
		}
		return codings, err
	}
	for i, list := range codings {
		if len(list) > 0 && list[0].Chosen {
			codings[i] = c.checked(list)
		}
	}
	if refused > 0 {
		return codings, fmt.Errorf("the terminology server: it refused %d of %d requests", refused, len(wanted))
	}
	return codings, nil
}

// expansions are the requests for what a mention may be.
func (c *Coder) expansions(m nlp.Mention) []string {
	filters := append(slices.Clone(m.Names), c.said.Otherwise(m.Names, m.Section)...)
	var list []string
	for _, filter := range filters[:min(len(filters), maxFilters)] {
		query := url.Values{"url": {c.config.ValueSets[m.Kind]}, "filter": {filter}, "count": {fmt.Sprint(maxListed)}, "includeDesignations": {"true"}}
		list = append(list, "ValueSet/$expand?"+query.Encode())
	}
	return list
}

// checking is the request that checks a coding.
func checking(coding nlp.Coding) string {
	return "CodeSystem/$validate-code?" + url.Values{"url": {coding.System}, "code": {coding.Code}}.Encode()
}

// translation is the request for what a coding corresponds to in another system.
func translation(coding nlp.Coding, target string) string {
	return "ConceptMap/$translate?" + url.Values{"system": {coding.System}, "code": {coding.Code}, "targetsystem": {target}}.Encode()
}

// candidates gives the concepts that a mention may mean, of what the server has listed.
func (c *Coder) candidates(m nlp.Mention, q *match.Query) []nlp.Coding {
	type scored struct {
		nlp.Coding
		match.Candidate
	}
	var list []scored
	for _, request := range c.expansions(m) {
		answer, _ := c.cache.get(request)
		var set struct {
			Expansion struct {
				Contains []listed `json:"contains"`
			} `json:"expansion"`
		}
		if json.Unmarshal(answer, &set) != nil {
			continue
		}
		for _, one := range flatten(set.Expansion.Contains, nil) {
			if one.Abstract || one.Inactive || slices.ContainsFunc(list, func(s scored) bool { return s.System == one.System && s.Code == one.Code }) {
				continue
			}
			names := []string{one.Display}
			for _, d := range one.Designation {
				names = append(names, d.Value)
			}
			if alike := c.rules.Alike(c.former, q, names); alike.Score > c.rules.Floor {
				list = append(list, scored{nlp.Coding{System: one.System, Version: one.Version, Code: one.Code, Display: one.Display}, alike})
			}
		}
	}
	slices.SortFunc(list, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.Candidate.Score, a.Candidate.Score), cmp.Compare(a.Code, b.Code))
	})
	list = list[:min(len(list), maxCandidates)]
	codings := make([]nlp.Coding, len(list))
	most := 1.0
	for i, one := range list {
		one.Features.Gap = one.Candidate.Score
		if i+1 < len(list) {
			one.Features.Gap = one.Candidate.Score - list[i+1].Candidate.Score
		}
		most = min(most, c.calibration.Probability(one.Candidate))
		codings[i] = one.Coding
		codings[i].Score = most
		codings[i].Chosen = i == 0 && most >= c.config.Threshold && one.Features.Gap > 0
	}
	return codings
}

// listed is a concept of an expansion.
type listed struct {
	System      string `json:"system"`
	Version     string `json:"version"`
	Code        string `json:"code"`
	Display     string `json:"display"`
	Abstract    bool   `json:"abstract"`
	Inactive    bool   `json:"inactive"`
	Designation []struct {
		Value string `json:"value"`
	} `json:"designation"`
	Contains []listed `json:"contains"`
}

// flatten appends concepts and those inside them, as many as are looked at.
func flatten(list, to []listed) []listed {
	for _, one := range list {
		if len(to) >= maxListed {
			return to
		}
		if one.Code != "" {
			to = append(to, one)
		}
		to = flatten(one.Contains, to)
	}
	return to
}

// checked takes a coding back that the server does not know, and adds what corresponds to one that it does.
func (c *Coder) checked(list []nlp.Coding) []nlp.Coding {
	chosen := &list[0]
	answer, _ := c.cache.get(checking(*chosen))
	if result := readParameters(answer); !result.value("result").Boolean {
		chosen.Chosen = false
		return list
	}
	out := list
	for _, target := range c.config.Targets {
		if target == chosen.System {
			continue
		}
		answer, _ := c.cache.get(translation(*chosen, target))
		codings := readParameters(answer).matches(target)
		if len(codings) == 1 { // several are no one's equal
			codings[0].Score, codings[0].Chosen, codings[0].Mapped = chosen.Score, true, true
			out = append(out, codings[0])
		}
	}
	return out
}

// parameters is FHIR's Parameters, as far as it is read.
type parameters struct {
	Parameter []parameter `json:"parameter"`
}

type parameter struct {
	Name    string `json:"name"`
	Boolean bool   `json:"valueBoolean"`
	Code    string `json:"valueCode"`
	Coding  struct {
		System  string `json:"system"`
		Code    string `json:"code"`
		Display string `json:"display"`
	} `json:"valueCoding"`
	Part []parameter `json:"part"`
}

func readParameters(data []byte) parameters {
	var p parameters
	_ = json.Unmarshal(data, &p) // what is none says nothing
	return p
}

func named(list []parameter, name string) parameter {
	for _, p := range list {
		if p.Name == name {
			return p
		}
	}
	return parameter{}
}

func (p parameters) value(name string) parameter { return named(p.Parameter, name) }

// faithful are the equivalences whose target says no more than the source (https://hl7.org/fhir/R4/valueset-concept-map-equivalence.html).
var faithful = map[string]bool{"equal": true, "equivalent": true, "wider": true, "subsumes": true}

// matches gives the codes of a system that a translation leads to.
func (p parameters) matches(system string) []nlp.Coding {
	var list []nlp.Coding
	for _, m := range p.Parameter {
		concept := named(m.Part, "concept").Coding
		if m.Name != "match" || !faithful[named(m.Part, "equivalence").Code] || concept.System != system {
			continue
		}
		if !slices.ContainsFunc(list, func(c nlp.Coding) bool { return c.Code == concept.Code }) {
			list = append(list, nlp.Coding{System: concept.System, Code: concept.Code, Display: concept.Display})
		}
	}
	return list
}

// fetch makes the requests whose answers are not there, in batches.
func (c *Coder) fetch(ctx context.Context, requests []string) error {
	var missing []string
	for _, request := range requests {
		if _, there := c.cache.get(request); !there && !slices.Contains(missing, request) {
			missing = append(missing, request)
		}
	}
	for part := range slices.Chunk(missing, maxBatch) {
		if err := c.batch(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// batch makes some requests at once.
func (c *Coder) batch(ctx context.Context, requests []string) error {
	type request struct {
		Method string `json:"method"`
		URL    string `json:"url"`
	}
	type entry struct {
		Request request `json:"request"`
	}
	bundle := struct {
		ResourceType string  `json:"resourceType"`
		Type         string  `json:"type"`
		Entry        []entry `json:"entry"`
	}{ResourceType: "Bundle", Type: "batch"}
	for _, r := range requests {
		bundle.Entry = append(bundle.Entry, entry{request{http.MethodGet, r}})
	}
	body, err := json.Marshal(bundle)
	if err != nil {
		return err
	}
	answer, err := c.config.Server.Do(ctx, http.MethodPost, "", nil, body)
	if err != nil {
		return fmt.Errorf("the terminology server: %s", strings.Replace(err.Error(), "the FHIR server", "it", 1))
	}
	var said struct {
		Entry []struct {
			Resource json.RawMessage `json:"resource"`
			Response struct {
				Status string `json:"status"`
			} `json:"response"`
		} `json:"entry"`
	}
	if err := json.Unmarshal(answer.Body, &said); err != nil || len(said.Entry) != len(requests) {
		return errors.New("the terminology server: its answer to a batch is none")
	}
	for i, one := range said.Entry {
		switch {
		case strings.HasPrefix(one.Response.Status, "2"):
			c.cache.put(requests[i], one.Resource)
		case strings.HasPrefix(one.Response.Status, "404"), strings.HasPrefix(one.Response.Status, "422"), strings.HasPrefix(one.Response.Status, "400"):
			c.cache.put(requests[i], nil) // it has not what was asked for
		}
	}
	return nil
}
