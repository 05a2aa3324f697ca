package note

import (
	"sort"
	"strconv"
	"strings"
)

// Bounds on what is remembered of a document's elements. What lies deeper is named by the element that it lies in; an element whose name
// comes after the others is named by its number alone.
const (
	maxDepth = 256
	maxNames = 256
)

// tree follows the elements of a document and remembers which one each piece of text stands in.
type tree struct {
	names  []string // by id, as the document spells them; the first stands for all beyond maxNames
	ids    map[string]int32
	nodes  []node
	places []place
	stack  []open
	opened map[string]int // the open elements by name
	deeper int            // open elements beyond maxDepth
}

// node is an element that holds text, or that one of those lies in.
type node struct{ parent, name, index int32 }

// place says that the text from a byte on stands in a node.
type place struct{ from, node int32 }

// open is an element that has begun.
type open struct {
	name     string // in small letters, without a prefix
	id       int32
	index    int32 // among its siblings of the same name, from 1
	node     int32 // -1 until it holds text
	children []sibling
	// all counts the children, whatever their name.
	all int32
	// What the reader of the format makes of it.
	hidden, struck, pre, raised, symbol bool
	ended                               bool // by its own end tag
	role                                role
	// declares are the namespace prefixes that it binds.
	declares []string
}

type sibling struct{ id, count int32 }

func newTree() *tree {
	return &tree{names: []string{"*"}, ids: map[string]int32{}, stack: []open{{node: -1}}, opened: map[string]int{}}
}

// push opens an element, and gives it to be filled; nil where it lies too deep to be followed.
func (t *tree) push(name, spelled string) *open {
	if len(t.stack) > maxDepth {
		t.deeper++
		return nil
	}
	id, index := t.count(spelled)
	t.stack = append(t.stack, open{name: name, id: id, index: index, node: -1})
	t.opened[name]++
	return &t.stack[len(t.stack)-1]
}

// pop closes the current element.
func (t *tree) pop() {
	name := t.top().name
	if t.opened[name]--; t.opened[name] == 0 {
		delete(t.opened, name)
	}
	t.stack = t.stack[:len(t.stack)-1]
}

// count counts a child of the current element.
func (t *tree) count(spelled string) (id, index int32) {
	id, known := t.ids[spelled]
	if !known && len(t.names) < maxNames {
		id = int32(len(t.names)) //nolint:gosec // at most maxNames
		spelled = strings.Clone(spelled)
		t.names, t.ids[spelled] = append(t.names, spelled), id
	}
	parent := &t.stack[len(t.stack)-1]
	parent.all++
	if id == 0 {
		return 0, parent.all
	}
	for i := range parent.children {
		if parent.children[i].id == id {
			parent.children[i].count++
			return id, parent.children[i].count
		}
	}
	parent.children = append(parent.children, sibling{id, 1})
	return id, 1
}

// top is the current element; the outermost has no name.
func (t *tree) top() *open { return &t.stack[len(t.stack)-1] }

// find gives the depth of the innermost open element of a name, looking no further out than one that limit names; 0 where there is none.
func (t *tree) find(name string, limit func(name string) bool) int {
	if t.opened[name] == 0 {
		return 0
	}
	for i := len(t.stack) - 1; i > 0; i-- {
		if t.stack[i].name == name {
			return i
		}
		if limit != nil && limit(t.stack[i].name) {
			return 0
		}
	}
	return 0
}

// here records that the text from a byte on stands in the current element.
func (t *tree) here(from int) {
	n := t.node(len(t.stack) - 1)
	if last := len(t.places) - 1; last >= 0 && t.places[last].node == n {
		return
	}
	t.places = append(t.places, place{int32(from), n}) //nolint:gosec // a text is shorter than 2 GB
}

// node gives the node of an open element; -1 for what stands in none.
func (t *tree) node(depth int) int32 {
	if depth == 0 {
		return -1
	}
	o := &t.stack[depth]
	if o.node < 0 {
		parent := t.node(depth - 1)
		o = &t.stack[depth]
		t.nodes = append(t.nodes, node{parent, o.id, o.index})
		o.node = int32(len(t.nodes) - 1) //nolint:gosec // fewer than the text has bytes
	}
	return o.node
}

// at gives the XPath of the element that the text at a byte stands in, empty for none.
func (t *tree) at(offset int) string {
	i := sort.Search(len(t.places), func(i int) bool { return int(t.places[i].from) > offset }) - 1
	if i < 0 {
		return ""
	}
	return t.path(t.places[i].node)
}

// path gives the XPath of a node.
func (t *tree) path(n int32) string {
	var steps []string
	for ; n >= 0; n = t.nodes[n].parent {
		steps = append(steps, "/"+t.names[t.nodes[n].name]+"["+strconv.Itoa(int(t.nodes[n].index))+"]")
	}
	var path strings.Builder
	for i := len(steps) - 1; i >= 0; i-- {
		path.WriteString(steps[i])
	}
	return path.String()
}
