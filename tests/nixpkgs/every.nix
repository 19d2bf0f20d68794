# What each of some attributes of a tree comes to: for a derivation the paths of
# itself and its outputs and where it was written, for anything else its type.
# See every.sh.
{
  # A file to import, and the arguments to call it with.
  tree,
  args ? { },
  # The attribute path of the set to look at, with dots between.
  set ? "",
  # The file that lists the attributes, one a line; without it they are listed.
  names ? null,
}:
let
  lines = s: builtins.filter (l: builtins.isString l && l != "") (builtins.split "\n" s);
  path = builtins.filter builtins.isString (builtins.split "\\." set);
  imported = import tree;
  all = if builtins.isFunction imported then imported args else imported;
  from = builtins.foldl' (s: n: s.${n}) all (if set == "" then [ ] else path);
  describe =
    v:
    if builtins.isAttrs v && v.type or "" == "derivation" then
      {
        inherit (v) drvPath name;
        outputs = map (o: v.${o}.outPath) (v.outputs or [ "out" ]);
        position = v.meta.position or null;
      }
    else
      builtins.typeOf v;
  one =
    n:
    let
      t = builtins.tryEval (
        let
          d = describe from.${n};
        in
        builtins.deepSeq d d
      );
    in
    builtins.addErrorContext "attribute <${n}>" (if t.success then t.value else "throws");
in
if names == null then
  builtins.attrNames from
else
  builtins.listToAttrs (
    map (name: {
      inherit name;
      value = one name;
    }) (lines (builtins.readFile names))
  )
