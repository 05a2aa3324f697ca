package interop_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"charthand/fhir"
)

type tree = map[string]any

// fake is a FHIR server in memory, with faults on demand.
type fake struct {
	*httptest.Server
	mutex sync.Mutex
	// transactions, conditional and subscriptions are what it claims and does.
	transactions, conditional, subscriptions bool
	topic                                    string
	// ignoresSearches says that every search finds all that there is of the type.
	ignoresSearches bool
	// refuse gives the status of a request that it refuses, 0 for none; hangUp says that it does what is asked and gives no answer; change is what it
	// makes of a resource before it keeps it; done is called after each request.
	refuse func(method, target string) int
	hangUp func(method, target string) bool
	change func(tree)
	done   func(method, target string)
	// held are the versions of each resource, by "Type/id"; nil after a deletion.
	held     map[string][]tree
	order    []string // names, as they were made
	requests []string // "METHOD target"
	deleted  []string
	notify   sync.WaitGroup
}

func newFake(t *testing.T) *fake {
	f := &fake{transactions: true, conditional: true, subscriptions: true, topic: "http://example.org/topic", held: map[string][]tree{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(func() {
		f.notify.Wait()
		f.Close()
	})
	return f
}

// left gives what is there.
func (f *fake) left() (names []string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for name, versions := range f.held {
		if versions != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// count counts the requests that begin with some words.
func (f *fake) count(request string) (n int) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, made := range f.requests {
		if strings.HasPrefix(made, request) {
			n++
		}
	}
	return n
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	target := strings.TrimPrefix(request.URL.RequestURI(), "/fhir")
	target = strings.TrimPrefix(target, "/")
	var body bytes.Buffer
	_, _ = body.ReadFrom(request.Body)
	f.mutex.Lock()
	f.requests = append(f.requests, request.Method+" "+target)
	status, answer := 0, any(nil)
	if f.refuse != nil {
		status = f.refuse(request.Method, target)
	}
	if status == 0 {
		status, answer = f.do(w.Header(), request.Method, target, request.Header, body.Bytes())
	}
	hangUp := f.hangUp != nil && f.hangUp(request.Method, target)
	f.mutex.Unlock()
	if f.done != nil {
		f.done(request.Method, target)
	}
	if hangUp {
		panic(http.ErrAbortHandler)
	}
	if status >= 400 && answer == nil {
		answer = outcome("refused by the fake: " + request.Method)
	}
	w.Header().Set("Content-Type", "application/fhir+json")
	w.WriteHeader(status)
	if answer != nil {
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func outcome(words string) tree {
	return tree{"resourceType": "OperationOutcome", "issue": []any{tree{"severity": "error", "code": "processing", "diagnostics": words}}}
}

func (f *fake) do(answer http.Header, method, target string, header http.Header, body []byte) (int, any) {
	resourceType, search, isSearch := strings.Cut(target, "?")
	var sent tree
	_ = json.Unmarshal(body, &sent)
	switch {
	case target == "metadata":
		return 200, f.metadata()
	case method == http.MethodPost && target == "":
		return f.transaction(sent)
	case method == http.MethodPost:
		return f.create(answer, resourceType, header.Get("If-None-Exist"), sent)
	case method == http.MethodPut && isSearch:
		found := f.search(resourceType, search)
		if len(found) == 0 {
			return f.create(answer, resourceType, "", sent)
		}
		return f.update(answer, found[0], "", sent)
	case method == http.MethodPut:
		return f.update(answer, target, header.Get("If-Match"), sent)
	case method == http.MethodDelete:
		return f.delete(target)
	case isSearch && f.ignoresSearches:
		return 200, bundleOf("searchset", f.search(resourceType, ""), f)
	case isSearch:
		return 200, bundleOf("searchset", f.search(resourceType, search), f)
	}
	return f.read(target)
}

func (f *fake) metadata() tree {
	var resources []any
	for _, resourceType := range []string{"Patient", "DocumentReference", "Device", "Condition", "MedicationStatement", "Provenance", "Subscription"} {
		if resourceType == "Subscription" && !f.subscriptions {
			continue
		}
		var interactions, parameters []any
		for _, code := range []string{"create", "read", "update", "delete", "search-type", "vread", "history-instance"} {
			interactions = append(interactions, tree{"code": code})
		}
		for _, name := range []string{"identifier", "_tag", "_id", "subject", "status", "relatesto", "entity", "target", "_lastUpdated"} {
			parameters = append(parameters, tree{"name": name})
		}
		resources = append(resources, tree{
			"type": resourceType, "interaction": interactions, "searchParam": parameters, "conditionalCreate": true, "conditionalUpdate": f.conditional,
			"versioning": "versioned-update", "extension": []any{tree{
				"url":            "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/capabilitystatement-subscriptiontopic-canonical",
				"valueCanonical": f.topic,
			}},
		})
	}
	rest := tree{"mode": "server", "resource": resources}
	if f.transactions {
		rest["interaction"] = []any{tree{"code": "transaction"}}
	}
	return tree{"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "format": []any{"json"}, "software": tree{"name": "fake"}, "rest": []any{rest}}
}

func (f *fake) put(answer http.Header, name string, sent tree) (int, any) {
	if f.change != nil {
		f.change(sent)
	}
	versions := append(f.held[name], sent)
	resourceType, id, _ := strings.Cut(name, "/")
	meta, _ := sent["meta"].(tree)
	if meta == nil {
		meta = tree{}
	}
	meta["versionId"], sent["meta"], sent["id"] = fmt.Sprint(len(versions)), meta, id
	if resourceType == "Subscription" {
		sent["status"] = "active"
	}
	f.held[name] = versions
	answer.Set("Location", fmt.Sprintf("%s/fhir/%s/_history/%d", f.URL, name, len(versions)))
	if len(versions) > 1 {
		f.tell(name, sent)
		return 200, sent
	}
	f.order = append(f.order, name)
	return 201, sent
}

func (f *fake) create(answer http.Header, resourceType, condition string, sent tree) (int, any) {
	if found := f.search(resourceType, condition); condition != "" && len(found) > 0 {
		answer.Set("Location", found[0])
		return 200, f.last(found[0])
	}
	return f.put(answer, fmt.Sprintf("%s/%d", resourceType, len(f.order)+1), sent)
}

func (f *fake) update(answer http.Header, name, match string, sent tree) (int, any) {
	if match != "" && match != fmt.Sprintf(`W/"%d"`, len(f.held[name])) {
		return 412, nil
	}
	return f.put(answer, name, sent)
}

func (f *fake) transaction(sent tree) (int, any) {
	if !f.transactions {
		return 405, nil
	}
	var entries []any
	var pairs []string
	for _, entry := range sent["entry"].([]any) {
		entry := entry.(tree)
		request := entry["request"].(tree)
		condition, _ := request["ifNoneExist"].(string)
		header := http.Header{}
		status, _ := f.create(header, request["url"].(string), condition, entry["resource"].(tree))
		name := fhir.LocalReference(header.Get("Location"))
		pairs = append(pairs, `"reference":"`+entry["fullUrl"].(string)+`"`, `"reference":"`+name+`"`)
		entries = append(entries, tree{"response": tree{"status": fmt.Sprint(status), "location": name + "/_history/1"}})
	}
	names := strings.NewReplacer(pairs...)
	for _, name := range f.order {
		if versions := f.held[name]; versions != nil {
			encoded, _ := json.Marshal(versions[len(versions)-1])
			var resolved tree
			_ = json.Unmarshal([]byte(names.Replace(string(encoded))), &resolved)
			versions[len(versions)-1] = resolved
		}
	}
	return 200, tree{"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
}

func (f *fake) last(name string) tree {
	if versions := f.held[name]; len(versions) > 0 {
		return versions[len(versions)-1]
	}
	return nil
}

func (f *fake) read(target string) (int, any) {
	name, version, isVersion := strings.Cut(target, "/_history")
	versions, was := f.held[name]
	switch {
	case was && versions == nil:
		return 410, nil
	case !was:
		return 404, nil
	case !isVersion:
		return 200, f.last(name)
	case version == "":
		return 200, bundleOf("history", slices.Repeat([]string{name}, len(versions)), f)
	}
	var number int
	_, _ = fmt.Sscanf(version, "/%d", &number)
	return 200, versions[number-1]
}

// delete keeps what others refer to.
func (f *fake) delete(name string) (int, any) {
	for other := range f.held {
		if encoded, _ := json.Marshal(f.last(other)); other != name && strings.Contains(string(encoded), `"reference":"`+name+`"`) {
			return 409, nil
		}
	}
	f.held[name] = nil
	f.deleted = append(f.deleted, name)
	return 204, nil
}

func bundleOf(kind string, names []string, f *fake) tree {
	entries := []any{}
	for _, name := range names {
		entries = append(entries, tree{"resource": f.last(name)})
	}
	return tree{"resourceType": "Bundle", "type": kind, "entry": entries}
}

// search finds what has each value in the element that the parameter is about.
func (f *fake) search(resourceType, query string) (found []string) {
	values, _ := url.ParseQuery(query)
	elements := map[string]string{"identifier": "identifier", "_tag": "meta", "_id": "id", "subject": "subject", "status": "status", "entity": "entity", "target": "target", "relatesto": "relatesTo"}
	for _, name := range f.order {
		held := f.last(name)
		if held == nil || !strings.HasPrefix(name, resourceType+"/") {
			continue
		}
		matches := true
		for parameter := range values {
			element, known := elements[parameter]
			_, value, isToken := strings.Cut(values.Get(parameter), "|")
			if !isToken {
				value = values.Get(parameter)
			}
			encoded, _ := json.Marshal(held[element])
			matches = matches && (!known || strings.Contains(string(encoded), `"`+value+`"`))
		}
		if !matches {
			continue
		}
		found = append(found, name)
		if values.Get("_include") != "" {
			for _, target := range held["target"].([]any) {
				found = append(found, target.(tree)["reference"].(string))
			}
		}
	}
	return found
}

// tell notifies of a new version of a document.
func (f *fake) tell(name string, _ tree) {
	if !strings.HasPrefix(name, "DocumentReference/") {
		return
	}
	for _, of := range f.order {
		held := f.last(of)
		if held == nil || !strings.HasPrefix(of, "Subscription/") {
			continue
		}
		channel := held["channel"].(tree)
		var body []byte
		if held["criteria"] == f.topic {
			body = fmt.Appendf(nil, `{"resourceType":"Bundle","type":"history","entry":[{"resource":{"resourceType":"Parameters","parameter":[
				{"name":"type","valueCode":"event-notification"},{"name":"notification-event","part":[{"name":"focus","valueReference":{"reference":%q}}]}]},"request":{}}]}`, name)
		}
		request, _ := http.NewRequest(http.MethodPost, channel["endpoint"].(string), bytes.NewReader(body))
		for _, line := range channel["header"].([]any) {
			key, value, _ := strings.Cut(line.(string), ": ")
			request.Header.Set(key, value)
		}
		f.notify.Go(func() {
			if response, err := http.DefaultClient.Do(request); err == nil {
				response.Body.Close()
			}
		})
	}
}
