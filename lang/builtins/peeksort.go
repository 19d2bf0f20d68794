package builtins

import "slices"

// peeksort sorts stably and takes advantage of runs already in order
// (J. I. Munro, S. Wild: Nearly-Optimal Mergesorts, 2018). Which elements it
// compares, in which order, is what the reference does, so that a comparator
// that fails fails alike, and one that is no order gives the same result:
// always the elements of the input.
func peeksort[T any](list []T, less func(a, b T) bool) {
	switch len(list) {
	case 0, 1:
		return
	case 2:
		if less(list[1], list[0]) {
			list[0], list[1] = list[1], list[0]
		}
		return
	}
	p := &peeksorter[T]{list: list, less: less}
	p.sort(0, len(list), 0, len(list))
}

type peeksorter[T any] struct {
	list    []T
	scratch []T
	less    func(a, b T) bool
}

// insertionLimit is the length up to which insertion sort is used.
const insertionLimit = 16

// sort sorts [begin, end), of which [begin, left) and [right, end) are sorted.
func (p *peeksorter[T]) sort(begin, end, left, right int) {
	if left == end || right == begin {
		return
	}
	if end-begin <= insertionLimit {
		p.insertion(begin, end)
		return
	}
	middle := begin + (end-begin)/2
	if middle <= left {
		p.sort(left, end, left+1, right)
		p.merge(begin, left, end)
		return
	}
	if middle >= right {
		p.sort(begin, right, left, right-1)
		p.merge(begin, right, end)
		return
	}
	// The run that holds the middle: [i, j).
	list := p.list
	falling := p.less(list[middle], list[middle-1])
	i := middle - 1
	for i > left && p.less(list[i], list[i-1]) == falling {
		i--
	}
	j := middle
	for j < right && p.less(list[j], list[j-1]) == falling {
		j++
	}
	if falling {
		slices.Reverse(list[i:j])
	}
	if i == begin && j == end {
		return
	}
	if middle-i < j-middle {
		p.sort(begin, i, left, i-1)
		p.sort(i, end, j, right)
		p.merge(begin, i, end)
	} else {
		p.sort(begin, j, left, i)
		p.sort(j, end, j+1, right)
		p.merge(begin, j, end)
	}
}

func (p *peeksorter[T]) insertion(begin, end int) {
	for i := begin + 1; i < end; i++ {
		for j := i; j > begin && p.less(p.list[j], p.list[j-1]); j-- {
			p.list[j], p.list[j-1] = p.list[j-1], p.list[j]
		}
	}
}

func (p *peeksorter[T]) merge(begin, middle, end int) {
	p.scratch = append(p.scratch[:0], p.list[begin:end]...)
	left, right := p.scratch[:middle-begin], p.scratch[middle-begin:]
	out := p.list[begin:begin]
	for len(left) > 0 && len(right) > 0 {
		if p.less(right[0], left[0]) {
			out, right = append(out, right[0]), right[1:]
		} else {
			out, left = append(out, left[0]), left[1:]
		}
	}
	out = append(out, left...)
	_ = append(out, right...)
}
