//go:build !race

package pdf_test

// slowdown is how many times longer everything may take.
const slowdown = 1
