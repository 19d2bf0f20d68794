package toml

// insert puts a value into a table under keys: dotted ones of a pair, or those
// of a header, [a.b] (explicit) or [[a.b]] (ofTables). It returns the value
// that is there then.
func (p *parser) insert(kind form, t *Value, keys []string, at region, v *Value) (*Value, *fault) {
	last := len(keys) - 1
	for _, k := range keys[:last] {
		found := t.Table[k]
		if found == nil {
			form := implicit
			if kind == dotted {
				form = dotted
			}
			found = p.table(form, at)
			t.Table[k] = found
		}
		next, f := found.enter(kind, at)
		if f != nil {
			return nil, f
		}
		t = next
	}
	k := keys[last]
	found := t.Table[k]
	if found == nil {
		if kind == ofTables {
			t.Table[k] = &Value{Kind: Array, List: []*Value{v}, form: ofTables, at: at}
		} else {
			t.Table[k] = v
		}
		return v, nil
	}
	switch kind {
	case dotted:
		return nil, faultAt("toml::insert_value: failed to insert a value, value already exists",
			at, "inserting this").and(found.at, "but value already exists")
	case explicit:
		if found.Kind != Table || found.form != implicit {
			return nil, faultAt("toml::insert_value: failed to insert a table, table already defined",
				at, "inserting this").and(found.at, "this table is explicitly defined")
		}
		found.form, found.at = explicit, v.at
		return found, nil
	}
	if !found.isTables() {
		return nil, faultAt("toml::insert_value: failed to insert an array of tables, value already exists",
			at, "while inserting this").and(found.at, "non-table value already exists")
	}
	if found.form != ofTables {
		return nil, faultAt("toml::insert_value: failed to insert a table, inline array of tables is immutable",
			at, "while inserting this").and(found.at, "this is inline array-of-tables")
	}
	found.List = append(found.List, v)
	return v, nil
}

// enter is the table that further keys are put into.
func (v *Value) enter(kind form, at region) (*Value, *fault) {
	switch {
	case v.Kind == Table && v.form == inline:
		return nil, faultAt("toml::insert_value: failed to insert a value: inline table is immutable",
			at, "inserting this").and(v.at, "to this table")
	case v.Kind == Table && kind == dotted && v.form != dotted:
		return nil, faultAt("toml::insert_value: reopening a table using dotted keys",
			at, "dotted key cannot reopen a table").and(v.at, "this table is already closed")
	case v.Kind == Table:
		return v, nil
	case !v.isTables():
		return nil, faultAt("toml::insert_value: failed to insert a value, value already exists",
			at, "while inserting this").and(v.at, "non-table value already exists")
	case v.form != ofTables:
		return nil, faultAt("toml::insert_value:inline array of tables are immutable",
			at, "inserting this").and(v.at, "inline array of tables")
	case kind == dotted:
		return nil, faultAt("toml::insert_value:dotted key cannot reopen an array-of-tables",
			at, "inserting this").and(v.at, "to this array-of-tables.")
	}
	return v.List[len(v.List)-1], nil
}

// isTables tells whether a value is an array of tables and nothing else.
func (v *Value) isTables() bool {
	if v.Kind != Array || len(v.List) == 0 {
		return false
	}
	for _, e := range v.List {
		if e.Kind != Table {
			return false
		}
	}
	return true
}
