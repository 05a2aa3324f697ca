//go:build !race

package extract_test

// slowdown is how many times longer everything may take.
const slowdown = 1
