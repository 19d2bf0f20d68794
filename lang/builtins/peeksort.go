package builtins

import "slices"

// peeksort sorts stably and takes advantage of runs already in order
// (J. I. Munro, S. Wild: Nearly-Optimal Mergesorts, 2018). Which elements it
// compares, in which order, is what the reference does, so that a comparator
// that fails fails alike, and one that is no order gives the same result:
// always the elements of the input.
//
// fork, which may be nil, offers to sort a part somewhere else: it returns what
// waits for that, and tells whether it has been done.
func peeksort[T any](list []T, less func(a, b T) bool, fork forker[T]) {
	switch len(list) {
	case 0, 1:
		return
	case 2:
		if less(list[1], list[0]) {
			list[0], list[1] = list[1], list[0]
		}
		return
	}
	p := &peeksorter[T]{list: list, less: less, fork: fork}
	p.sort(0, len(list), 0, len(list))
}

type forker[T any] func(list []T, left, right int) (join func() bool, end func())

type peeksorter[T any] struct {
	list    []T
	scratch []T
	less    func(a, b T) bool
	fork    forker[T]
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
		p.halves(part{begin, i, left, i - 1}, part{i, end, j, right})
		p.merge(begin, i, end)
	} else {
		p.halves(part{begin, j, left, i}, part{j, end, j + 1, right})
		p.merge(begin, j, end)
	}
}

// part are the arguments of sort.
type part struct{ begin, end, left, right int }

// halves sorts two parts, the second one elsewhere if somebody is free.
func (p *peeksorter[T]) halves(a, b part) {
	if p.fork != nil && b.end-b.begin >= forkFrom {
		join, end := p.fork(p.list[b.begin:b.end], b.left-b.begin, b.right-b.begin)
		defer end()
		p.sort(a.begin, a.end, a.left, a.right)
		if join() {
			return
		}
	} else {
		p.sort(a.begin, a.end, a.left, a.right)
	}
	p.sort(b.begin, b.end, b.left, b.right)
}

// forkFrom is the length from which on a part is offered to others.
const forkFrom = 256

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
