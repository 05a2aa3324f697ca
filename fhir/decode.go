package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"
	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
)

// maxNesting bounds how deep elements may lie inside each other.
const maxNesting = 64

// unmarshaller is made once: making one looks up time zones. It is safe for concurrent use.
var unmarshaller = sync.OnceValue(func() *jsonformat.Unmarshaller {
	u, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err != nil {
		panic(err) // UTC and R4 always exist.
	}
	u.MaxNestingDepth = maxNesting
	return u
})

// decodeResource reads one R4 resource in JSON. What is wrong comes back as a *Fault that names every fault by its FHIRPath
// below root ("DocumentReference", or where the resource stands in a larger one: "Parameters.parameter[0].resource").
func decodeResource(data []byte, root string) (*bcrpb.ContainedResource, error) {
	if _, err := parseObject(data, root); err != nil {
		return nil, err
	}
	first := &faultCollector{root: root}
	resource := first.decode(data)
	if resource == nil {
		// base64 may be wrapped in lines, which the decoder does not take.
		if unwrapped, ok := rewrite(data, first.found, unwrap); ok {
			data, first = unwrapped, &faultCollector{root: root}
			resource = first.decode(data)
		}
	}
	if resource != nil && len(first.found) == 0 {
		return resource, nil
	}
	if resource == nil {
		// The decoder validates only what it could parse: take the unreadable elements away and look at the rest, so that
		// the caller learns of every fault at once.
		if pruned, ok := rewrite(data, first.found, prune); ok {
			second := &faultCollector{root: root}
			if second.decode(pruned) != nil {
				first.addNew(second.found)
			}
		}
	}
	return nil, first.fault()
}

// parseObject reads a JSON object; what is none is refused, with the place of the first fault.
func parseObject(data []byte, root string) (map[string]json.RawMessage, error) {
	var object map[string]json.RawMessage
	err := json.Unmarshal(data, &object)
	if err == nil && object != nil {
		return object, nil
	}
	diagnostics := "expected a JSON object"
	var syntax *json.SyntaxError
	if len(bytes.TrimSpace(data)) == 0 {
		diagnostics = "the input is empty"
	} else if errors.As(err, &syntax) {
		before := data[:min(int(syntax.Offset), len(data))]
		line := bytes.Count(before, []byte{'\n'}) + 1
		column := len(before) - bytes.LastIndexByte(before, '\n') - 1
		diagnostics = fmt.Sprintf("not JSON: fault at line %d, byte %d", line, column)
	}
	return nil, &Fault{Kind: Invalid, Issues: []Issue{{Severity: SeverityError, Code: CodeStructure, Expression: root, Diagnostics: diagnostics}}}
}

// element is one fault as the decoder names it.
type element struct {
	path   string // in JSON names, from the resource's own type
	issue  Issue
	binary bool // base64 that does not decode
}

// faultCollector receives the decoder's faults; it is its ErrorReporter for what validation finds.
type faultCollector struct {
	root  string
	found []element
}

func (c *faultCollector) decode(data []byte) *bcrpb.ContainedResource {
	message, err := unmarshaller().UnmarshalWithErrorReporter(data, c)
	if err != nil {
		c.addParseErrors(err)
		return nil
	}
	return message.(*bcrpb.ContainedResource)
}

// addParseErrors takes apart what the decoder returns: one UnmarshalError or a list of them. Their type is internal to the
// library, so their exported fields are read by reflection.
func (c *faultCollector) addParseErrors(err error) {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			c.addParseErrors(v.Index(i).Interface().(error))
		}
		return
	}
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct || !v.Elem().FieldByName("Details").IsValid() {
		c.add(element{issue: Issue{Code: CodeStructure, Diagnostics: "not a FHIR R4 resource"}})
		return
	}
	field := func(name string) string { return v.Elem().FieldByName(name).String() }
	path, details := field("Path"), field("Details")
	e := element{path: path, issue: Issue{Code: CodeStructure, Diagnostics: details}}
	switch details {
	case "unknown field":
		// The diagnostics are the quoted name of the field.
		if name, err := strconv.Unquote(field("Diagnostics")); err == nil && isName(name) {
			e.path = path + "." + name
		}
		e.issue.Diagnostics = "unknown field"
	case "expected binary data":
		e.binary = true
		e.issue.Code, e.issue.Diagnostics = CodeValue, "base64 that does not decode"
	case "unknown resource type", "invalid resource type":
		e.issue.Diagnostics = "not a resource type of FHIR R4"
	case "code type mismatch", "expected code":
		e.issue.Code, e.issue.Diagnostics = CodeInvalidCode, "not a code of the required value set"
	}
	c.add(e)
}

// ReportValidationError implements the decoder's ErrorReporter.
func (c *faultCollector) ReportValidationError(path string, err error) error {
	details := err.Error()
	if _, after, ok := strings.Cut(details, `": `); ok {
		details = after
	}
	issue := Issue{Code: CodeValue, Diagnostics: details}
	if name, ok := strings.CutPrefix(details, "missing required field "); ok {
		name, _ = strconv.Unquote(name)
		path += "." + name
		issue.Code, issue.Diagnostics = CodeRequired, "missing required element"
	} else if strings.HasPrefix(details, "invalid reference to a ") || strings.HasPrefix(details, "invalid ") {
		issue.Diagnostics = details // names types and formats only, never a value
	} else if !strings.HasPrefix(details, "non-negative integer") {
		issue.Diagnostics = "invalid value"
	}
	c.add(element{path: path, issue: issue})
	return nil
}

// ReportValidationWarning implements the decoder's ErrorReporter; warnings do not refuse a resource.
func (c *faultCollector) ReportValidationWarning(string, error) error { return nil }

func (c *faultCollector) add(e element) {
	e.issue.Severity = SeverityError
	e.issue.Expression = c.expression(e.path)
	c.found = append(c.found, e)
}

// addNew adds the faults of a second look whose place, or a place above it, is not yet named.
func (c *faultCollector) addNew(more []element) {
	known := slices.Clone(c.found)
	for _, e := range more {
		if !slices.ContainsFunc(known, func(k element) bool {
			return e.issue.Expression == k.issue.Expression || strings.HasPrefix(k.issue.Expression, e.issue.Expression+".")
		}) {
			c.found = append(c.found, e)
		}
	}
}

func (c *faultCollector) fault() *Fault {
	f := &Fault{Kind: Unprocessable}
	for _, e := range c.found {
		if !e.binary {
			f.Kind = Invalid
		}
		f.Issues = append(f.Issues, e.issue)
	}
	slices.SortStableFunc(f.Issues, func(a, b Issue) int { return strings.Compare(a.Expression, b.Expression) })
	return f
}

var (
	// The decoder puts the type of a resource inside another into the path ("entry[0].resource.DocumentReference.status");
	// FHIRPath does not.
	innerType = regexp.MustCompile(`(\.(?:resource|outcome|contained\[\d+\]))\.[A-Z][A-Za-z]+`)
	// A choice element is named without its type in FHIRPath.
	choice = regexp.MustCompile(`\.(value|onset|effective|performed|occurred)[A-Z][A-Za-z0-9]*`)
	name   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
)

func isName(s string) bool { return name.MatchString(s) }

// expression turns a path of the decoder into FHIRPath below root.
func (c *faultCollector) expression(path string) string {
	path = innerType.ReplaceAllString(path, "$1")
	path = choice.ReplaceAllString(path, ".$1")
	_, below, found := strings.Cut(path, ".")
	if !found {
		return c.root
	}
	return c.root + "." + below
}

// rewrite changes the object that holds each element at fault, by its key there, and encodes the whole anew. It reports
// false where nothing was changed.
func rewrite(data []byte, faults []element, change func(fault element, holder map[string]any, key string) bool) ([]byte, bool) {
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if decoder.Decode(&tree) != nil {
		return nil, false
	}
	changed := false
	for _, fault := range faults {
		_, below, found := strings.Cut(innerType.ReplaceAllString(fault.path, "$1"), ".")
		if !found {
			continue
		}
		if holder, key := find(tree, strings.Split(below, ".")); holder != nil && change(fault, holder, key) {
			changed = true
		}
	}
	if !changed {
		return nil, false
	}
	rewritten, err := json.Marshal(tree)
	return rewritten, err == nil
}

// prune takes an element away. For an element of an array that is the whole array, so that no other changes its index.
func prune(_ element, holder map[string]any, key string) bool {
	delete(holder, key)
	return true
}

// unwrap takes white space out of base64 (FHIR R4, base64Binary: it may be there).
func unwrap(fault element, holder map[string]any, key string) bool {
	value, ok := holder[key].(string)
	if !fault.binary || !ok {
		return false
	}
	joined := strings.Join(strings.Fields(value), "")
	holder[key] = joined
	return joined != value
}

var step = regexp.MustCompile(`^([^\[]+)(?:\[(\d+)\])?$`)

// find follows the steps of a path ("content[0]", "attachment", "data") and gives the object that holds the last of them.
func find(tree any, steps []string) (holder map[string]any, key string) {
	object, ok := tree.(map[string]any)
	match := step.FindStringSubmatch(steps[0])
	if !ok || match == nil {
		return nil, ""
	}
	child, ok := object[match[1]]
	if !ok {
		return nil, ""
	}
	if len(steps) == 1 {
		return object, match[1]
	}
	if match[2] != "" {
		array, ok := child.([]any)
		index, err := strconv.Atoi(match[2])
		if !ok || err != nil || index >= len(array) {
			return nil, ""
		}
		child = array[index]
	}
	return find(child, steps[1:])
}
