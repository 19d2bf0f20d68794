package ast

// Children calls f for each node right below n, as evaluation sees the tree:
// the merged attributes of sets, not the bindings as written.
func Children(n Node, f func(Node)) {
	path := func(names []AttrName) {
		for i := range names {
			if names[i].Expr != nil {
				f(names[i].Expr)
			}
		}
	}
	all := func(nodes []Node) {
		for _, x := range nodes {
			f(x)
		}
	}
	set := func(s *Set) {
		for i := range s.Attrs {
			f(s.Attrs[i].Value)
		}
		all(s.Froms)
		for i := range s.Dynamic {
			f(s.Dynamic[i].Name)
			f(s.Dynamic[i].Value)
		}
	}
	switch n := n.(type) {
	case *Interp:
		all(n.Parts)
	case *PathInterp:
		all(n.Parts)
	case *Select:
		f(n.Expr)
		path(n.Path)
		if n.Default != nil {
			f(n.Default)
		}
	case *HasAttr:
		f(n.Expr)
		path(n.Path)
	case *Attrs:
		set(n.Set)
	case *List:
		all(n.Elems)
	case *Lambda:
		if n.Formals != nil {
			for i := range n.Formals.List {
				if d := n.Formals.List[i].Default; d != nil {
					f(d)
				}
			}
		}
		f(n.Body)
	case *Call:
		f(n.Fn)
		all(n.Args)
	case *Let:
		set(n.Set)
		f(n.Body)
	case *With:
		f(n.Scope)
		f(n.Body)
	case *If:
		f(n.Cond)
		f(n.Then)
		f(n.Else)
	case *Assert:
		f(n.Cond)
		f(n.Body)
	case *Unary:
		f(n.X)
	case *Binary:
		f(n.L)
		f(n.R)
	case *Paren:
		f(n.X)
	}
}
