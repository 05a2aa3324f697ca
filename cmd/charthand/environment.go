package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"charthand/mapping"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// Settings can stand in the environment too: a variable is named after the setting's place in the file, sync.keepDone after
// CHARTHAND_SYNC_KEEP_DONE. The environment counts before the file, and flags before both.

// variablePrefix begins the names of charthand's environment variables.
const variablePrefix = "CHARTHAND_"

// place is a setting's place: the keys that lead to it, and the type of its value.
type place struct {
	keys   []string
	values reflect.Type
}

// String gives the place as it is written: access.tls.key.
func (p place) String() string { return strings.Join(p.keys, ".") }

// variable names the environment variable of a place.
func (p place) variable() string {
	var name strings.Builder
	for i, key := range p.keys {
		if i > 0 {
			name.WriteByte('_')
		}
		letters := []rune(key)
		for j, r := range letters {
			// A word begins at a capital after a small letter, and at the last of several capitals: claimAITransparency.
			if j > 0 && unicode.IsUpper(r) && (unicode.IsLower(letters[j-1]) || j+1 < len(letters) && unicode.IsLower(letters[j+1])) {
				name.WriteByte('_')
			}
			name.WriteRune(unicode.ToUpper(r))
		}
	}
	return variablePrefix + name.String()
}

// places gives all places of settings, in the order of the file. The rules of the mapping are as many as have a name; what is in one is its value.
func places() []place { return placesOf(reflect.TypeFor[settings](), nil) }

func placesOf(of reflect.Type, above []string) (all []place) {
	for field := range of.Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if key == "" {
			continue
		}
		at := place{append(slices.Clip(above), key), field.Type}
		inner := field.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && of != reflect.TypeFor[mapping.Rules]() {
			all = append(all, placesOf(inner, at.keys)...)
			continue
		}
		all = append(all, at)
	}
	return all
}

// withEnvironment gives settings with the values of the environment in their place, in YAML; a value that is none of its setting's is an error that names the
// variable.
func withEnvironment(file []byte) ([]byte, error) {
	tree := map[string]any{}
	if err := yaml.Unmarshal(file, &tree); err != nil {
		return nil, err
	}
	found := false
	for _, at := range places() {
		text := os.Getenv(at.variable())
		if text == "" {
			continue
		}
		value, err := at.read(text)
		if err != nil {
			return nil, fmt.Errorf("%s: no value of %s: %s", at.variable(), at, yaml.FormatError(err, false, false))
		}
		put(tree, at.keys, value)
		found = true
	}
	if !found {
		return file, nil
	}
	return yaml.Marshal(tree)
}

// read reads a value: a text as it is, anything else as YAML.
func (p place) read(text string) (value any, err error) {
	if p.values.Kind() == reflect.String {
		return text, nil
	}
	if err := yaml.UnmarshalWithOptions([]byte(text), reflect.New(p.values).Interface(), yaml.Strict()); err != nil {
		return nil, err
	}
	err = yaml.Unmarshal([]byte(text), &value)
	return value, err
}

// put puts a value into a tree; what is in the way gives way.
func put(tree map[string]any, keys []string, value any) {
	for _, key := range keys[:len(keys)-1] {
		below, is := tree[key].(map[string]any)
		if !is {
			below = map[string]any{}
			tree[key] = below
		}
		tree = below
	}
	tree[keys[len(keys)-1]] = value
}

// otherVariables are those of neither a flag nor a setting; docs/settings.md says what they are.
var otherVariables = []string{hookSecretVariable, "CHARTHAND_ONNXRUNTIME"}

// unknownVariables gives the environment variables that look like charthand's and are not: misspelled, or another program's.
func unknownVariables() (names []string) {
	known := map[string]bool{}
	for _, at := range places() {
		known[at.variable()] = true
	}
	for _, name := range otherVariables {
		known[name] = true
	}
	_ = kong.Visit(kong.Must(&commands{}).Model, func(node kong.Visitable, next kong.Next) error {
		if flag, is := node.(*kong.Flag); is {
			for _, name := range flag.Envs {
				known[name] = true
			}
		}
		return next(nil)
	})
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, variablePrefix) && !known[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
