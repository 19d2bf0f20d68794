package eval

// HelpAtOnce lets helpers begin however small a program is.
func (e *Evaluator) HelpAtOnce() { e.alone = 0 }
