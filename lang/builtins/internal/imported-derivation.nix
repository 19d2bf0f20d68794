# What `import` makes of a store derivation: a set like that of `derivation`,
# of the paths found in the file. There is one attribute for each output.
drv@{
  drvPath,
  name,
  outputs,
  ...
}:
let
  common = builtins.listToAttrs list // {
    inherit drvPath name;
    all = map (output: output.value) list;
    type = "derivation";
  };
  list = map (outputName: {
    name = outputName;
    value = common // {
      inherit outputName;
      outPath = drv.${outputName};
    };
  }) outputs;
in
(builtins.head list).value
