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
// shorter names must be more alike.
func Similar(names []string, query string) []string {
	found := BestMatches(names, query)
	return slices.DeleteFunc(found, func(n string) bool { return levenshtein(query, n) > (len(query)+1)/3 })
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
