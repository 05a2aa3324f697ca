package relate

import "math/bits"

// table holds the weights: a hash table of one array with linear probing, which a search reads in one place.
type table struct {
	keys   []uint64 // a feature and the bit that says that it is there
	values []float32
	shift  uint
}

// present marks a place that is taken; the first value of a feature, its template, is small.
const present = 1 << 63

// newTable makes a table for a number of features; half of it stays empty.
func newTable(n int) table {
	size := 1 << bits.Len(uint(2*n+1))
	return table{make([]uint64, size), make([]float32, size), uint(64 - bits.TrailingZeros(uint(size)))}
}

func key(f Feature) uint64 {
	return present | uint64(f[0])<<48 | uint64(f[1])<<32 | uint64(f[2])<<16 | uint64(f[3])
}

// place gives where a key begins to be looked for (Fibonacci hashing).
func (t *table) place(k uint64) int { return int(k * 0x9E3779B97F4A7C15 >> t.shift) } //nolint:gosec // less than the size

func (t *table) set(f Feature, value float32) {
	k := key(f)
	i := t.place(k)
	for t.keys[i] != 0 && t.keys[i] != k {
		i = (i + 1) & (len(t.keys) - 1)
	}
	t.keys[i], t.values[i] = k, value
}

// get gives the weight of a feature, 0 for one that is not there.
func (t *table) get(f Feature) float32 {
	k := key(f)
	for i := t.place(k); t.keys[i] != 0; i = (i + 1) & (len(t.keys) - 1) {
		if t.keys[i] == k {
			return t.values[i]
		}
	}
	return 0
}
