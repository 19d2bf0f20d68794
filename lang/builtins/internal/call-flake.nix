# The outputs of a flake, from a graph of locked inputs.
#
# `nodes` has a set for each tree: `tree`, what is known of it, `outPath` among
# that; `dir`, the folder with the flake, "" for the top; `flake`, whether it
# is one; `inputs`, for each input the name of its node. `root` names the node
# whose flake is wanted. Nothing is fetched before it is needed.
nodes: root:
let
  load =
    _: node:
    let
      outPath = node.tree + (if node.dir == "" then "" else "/" + node.dir);
      sourceInfo = node.tree;
      flake = import (outPath + "/flake.nix");
      inputs = builtins.mapAttrs (_: name: loaded.${name}) node.inputs;
      outputs = flake.outputs (inputs // { self = result; });
      result =
        outputs
        // sourceInfo
        // {
          inherit
            outPath
            inputs
            outputs
            sourceInfo
            ;
          _type = "flake";
        };
    in
    if !node.flake then
      sourceInfo // { inherit sourceInfo outPath; }
    else if builtins.isFunction flake.outputs then
      result
    else
      throw "the 'outputs' of a flake must be a function";

  loaded = builtins.mapAttrs load nodes;
in
loaded.${root}
