//go:build race

package pdf_test

// slowdown is how many times longer everything may take: the race detector slows it down, and takes more memory.
const slowdown = 20
