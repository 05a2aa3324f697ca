//go:build race

package note_test

// slowdown is how many times longer everything may take: the race detector slows it down.
const slowdown = 20
