//go:build !race

package note_test

// slowdown is how many times longer everything may take.
const slowdown = 1
