package eval

// HelpAtOnce lets helpers begin however small a program is.
func (e *Evaluator) HelpAtOnce() { e.alone = 0 }

// SortedNames is the order of names by their text.
var SortedNames = sortedNames
