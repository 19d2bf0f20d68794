# <nix/fetchurl.nix>: a derivation that downloads a file, and may unpack it or
# make it executable, by the builder `builtin:fetchurl`.
let
  # The algorithm that a hash is given for; sha256 if there is none.
  algorithm =
    args:
    builtins.head (
      builtins.filter (name: args.${name} != "") [
        "sha512"
        "sha1"
        "md5"
      ]
      ++ [ "sha256" ]
    );
in
{
  url,
  name ? baseNameOf (toString url),

  # The hash as SRI, or under the name of its algorithm.
  hash ? "",
  sha512 ? "",
  sha256 ? "",
  sha1 ? "",
  md5 ? "",
  outputHashAlgo ? if hash != "" then "" else algorithm { inherit sha512 sha1 md5; },
  outputHash ?
    if hash != "" then
      hash
    else
      let
        hashes = {
          inherit
            sha512
            sha256
            sha1
            md5
            ;
        };
      in
      hashes.${algorithm hashes},

  executable ? false,
  unpack ? false,
  # Whatever the address yields; needs the feature impure-derivations.
  impure ? false,
  system ? "", # has no effect
}:

derivation (
  {
    inherit
      name
      url
      executable
      unpack
      ;
    urls = [ url ];
    builder = "builtin:fetchurl";
    system = "builtin";
    outputHashMode = if executable || unpack then "recursive" else "flat";
    preferLocalBuild = true;
    # Part of the derivation for historical reasons; the builder ignores it.
    impureEnvVars = map (protocol: protocol + "_proxy") [
      "http"
      "https"
      "ftp"
      "all"
      "no"
    ];
  }
  // (if impure then { __impure = true; } else { inherit outputHash outputHashAlgo; })
)
