/**
  derivation :: set -> set
  What the name `derivation` stands for: a lazy set around the builtin
  `derivationStrict`, which does the work.

  The argument is a set that describes one build: its `name`, the `system` it
  runs on, the `builder`, its `args`, the names of its `outputs`; all other
  attributes become variables of the builder's environment.

  The result is that set with more attributes:

  - `drvPath`  path of the store derivation; it depends on everything that the
               build needs
  - `outPath`  path of the output at hand, the first one at first; it depends
               on that output
  - one attribute for each output, which is this same set with that output's
    `outPath` and `outputName`
  - `all`      those sets in a list
  - `drvAttrs` the argument
  - `type`     the string "derivation"

  No attribute is computed before it is needed: to look at `meta` or `name` of
  a package builds no derivation. All sets share one call of the builtin.

  Errors show lines of this file, so its lines have to stay where they are: a
  trace says where `derivationStrict` was called, and from which attribute of
  the result that came about. Between those calls and the line that asked for
  the attribute there is nothing else to see.
*/
drvAttrs@{
  outputs ? [ "out" ],
  ...
}:

let

  strict = derivationStrict drvAttrs;

  # shared by the sets of all outputs
  commonAttrs =
    drvAttrs
    // builtins.listToAttrs outputsList
    // {
      all = map (output: output.value) outputsList;
      inherit drvAttrs;
    };
  forOutput = outputName: {
    name = outputName;
    value = commonAttrs // {
      outPath = builtins.getAttr outputName strict;
      drvPath = strict.drvPath;
      type = "derivation";
      inherit outputName;
    };
  };

  outputsList = map forOutput outputs;

in
(builtins.head outputsList).value
