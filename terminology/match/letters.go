package match

import "slices"

// trigrams gives the letter trigrams of a text, as numbers, sorted.
func trigrams(s string) []uint32 {
	padded := "  " + s + " "
	list := make([]uint32, 0, len(padded))
	for i := 0; i+3 <= len(padded); i++ {
		list = append(list, uint32(padded[i])<<16|uint32(padded[i+1])<<8|uint32(padded[i+2]))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// dice is the share of trigrams that two texts have in common (Dice 1945).
func dice(a, b []uint32) float64 {
	common := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			common++
			i++
			j++
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return 2 * float64(common) / float64(max(1, len(a)+len(b)))
}

// distance is how many letters have to be put in, taken out, changed or swapped with the next to make one word of another (Damerau 1964).
func distance(a, b string) int {
	const most = 64
	if len(a) >= most || len(b) >= most {
		return most
	}
	var rows [3][most]int
	before, previous, current := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
