package diag

import (
	"slices"
	"sort"
)

// BestMatches picks from names those that may have been meant by query: at
// most five, at an edit distance of at most two, nearest first, then by name.
func BestMatches(names []string, query string) []string {
	type match struct {
		distance int
		name     string
	}
	var found []match
	for _, n := range names {
		if d := len(n) - len(query); d > 2 || d < -2 {
			continue // the distance is at least the difference in length
		}
		if d := levenshtein(query, n); d <= 2 {
			found = append(found, match{d, n})
		}
	}
	sort.Slice(found, func(i, j int) bool {
		if found[i].distance != found[j].distance {
			return found[i].distance < found[j].distance
		}
		return found[i].name < found[j].name
	})
	var out []string
	for i, m := range found {
		if i == 5 {
			break
		}
		if i == 0 || m.name != found[i-1].name {
			out = append(out, m.name)
		}
	}
	return out
}

// Similar is BestMatches for suggestions that the reference does not make:
// shorter names must be more alike, and two letters that changed places, the
// commonest slip of the fingers, are one mistake.
func Similar(names []string, query string) []string {
	found := BestMatches(names, query)
	mistakes := func(n string) int {
		if swapped(n, query) {
			return 1
		}
		return levenshtein(query, n)
	}
	found = slices.DeleteFunc(found, func(n string) bool { return mistakes(n) > (len(query)+1)/3 })
	slices.SortStableFunc(found, func(a, b string) int { return mistakes(a) - mistakes(b) })
	return found
}

// swapped tells whether two neighbours that changed places are all that differs.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

func levenshtein(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 0; i < len(a); i++ {
		diagonal := row[0]
		row[0] = i + 1
		for j := 0; j < len(b); j++ {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
