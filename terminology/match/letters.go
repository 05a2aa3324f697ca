package match

// letters are the letter trigrams of a text, by their hashes of twelve bits, each once.
type letters struct {
	list []uint16
	has  [1 << letterBits]bool
}

const letterBits = 12

// set makes letters those of a text.
func (l *letters) set(s string) {
	for _, gram := range l.list {
		l.has[gram] = false
	}
	l.list = l.list[:0]
	grams := uint32(' ')<<8 | ' '
	for i := range len(s) + 1 {
		c := byte(' ')
		if i < len(s) {
			c = s[i]
		}
		grams = (grams<<8 | uint32(c)) & 0xffffff
		gram := uint16(grams * 2654435761 >> (32 - letterBits)) //nolint:gosec // twelve bits
		if !l.has[gram] {
			l.has[gram] = true
			l.list = append(l.list, gram)
		}
	}
}

// dice is the share of trigrams that two texts have in common (Dice 1945).
func dice(a, b *letters) float64 {
	common := 0
	for _, gram := range b.list {
		if a.has[gram] {
			common++
		}
	}
	return 2 * float64(common) / float64(max(1, len(a.list)+len(b.list)))
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
