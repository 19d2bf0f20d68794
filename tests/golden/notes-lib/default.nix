rec {
  compose = f: g: x: f (g x);
  each = f: builtins.map (compose f (x: x));
  all = f: xs: builtins.foldl' (a: b: a && b) true (each f xs);
}
