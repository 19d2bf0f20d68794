# How mkDerivation builds: a bash script that takes a package through its
# phases. Each attribute of the package is a variable here; each phase is a
# function that a variable of the same name replaces, and that runs the hooks
# preNAME and postNAME around itself.
#
#   unpack     src or srcs into the build directory, and go there
#   patch      apply patches
#   configure  ./configure --prefix=$out $configureFlags
#   build      make $makeFlags $buildFlags
#   check      make check, if doCheck is set
#   install    make install
#   fixup      move what belongs to other outputs, strip, shrink library paths,
#              correct the interpreters of scripts

set -eu -o pipefail
shopt -s nullglob

# Environment ------------------------------------------------------------

export PATH=
for dir in $initialPath; do
  PATH="${PATH:+$PATH:}$dir/bin"
done
export SHELL="$toolchain/bin/bash" CONFIG_SHELL="$toolchain/bin/bash"
export LC_ALL=C TZ=UTC
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-315532800}"
# Without -g, which many makefiles have by default: results are stripped.
export CFLAGS="${CFLAGS--O2}" CXXFLAGS="${CXXFLAGS--O2}"
export NIX_CFLAGS_COMPILE="${NIX_CFLAGS_COMPILE:-}" NIX_LDFLAGS="${NIX_LDFLAGS:-}"
export PKG_CONFIG_PATH="${PKG_CONFIG_PATH:-}" ACLOCAL_PATH="${ACLOCAL_PATH:-}"

# Where things of each kind go: the output of that name, or the nearest to it.
outputFor() {
  local name
  for name; do
    case " $outputs " in *" $name "*) printf %s "${!name}"; return ;; esac
  done
  printf %s "${!firstOutput}"
}
firstOutput="${outputs%% *}"
prefix="${!firstOutput}"
outputBin="$(outputFor bin)"
outputLib="$(outputFor lib)"
outputDev="$(outputFor dev)"
outputMan="$(outputFor man doc bin)"
outputDoc="$(outputFor doc)"

# Runs a phase or hook: the variable of that name if it is set, else the function.
run() {
  if [ -n "${!1:-}" ]; then
    eval "${!1}"
  elif declare -F "$1" > /dev/null; then
    "$1"
  fi
}

# Dependencies -----------------------------------------------------------

declare -A seenInput

# What a dependency brings: programs, headers, libraries, and what it needs in
# its turn.
addInput() {
  local input="$1" dir next
  [ -z "${seenInput[$input]:-}" ] || return 0
  seenInput[$input]=1
  [ ! -d "$input/bin" ] || PATH="$PATH:$input/bin"
  [ ! -d "$input/include" ] || NIX_CFLAGS_COMPILE+=" -isystem $input/include"
  if [ -d "$input/lib" ]; then
    NIX_LDFLAGS+=" -L$input/lib"
    # A path to look in at run time only where there is something to find.
    local shared=("$input"/lib/*.so*)
    [ ${#shared[@]} = 0 ] || NIX_LDFLAGS+=" -rpath $input/lib"
  fi
  for dir in "$input"/{lib,share}/pkgconfig; do
    [ ! -d "$dir" ] || PKG_CONFIG_PATH="${PKG_CONFIG_PATH:+$PKG_CONFIG_PATH:}$dir"
  done
  dir="$input/share/aclocal"
  [ ! -d "$dir" ] || ACLOCAL_PATH="${ACLOCAL_PATH:+$ACLOCAL_PATH:}$dir"
  if [ -f "$input/nix-support/propagated-build-inputs" ]; then
    for next in $(< "$input/nix-support/propagated-build-inputs"); do
      addInput "$next"
    done
  fi
  if [ -f "$input/nix-support/setup-hook" ]; then
    . "$input/nix-support/setup-hook"
  fi
}

for input in ${nativeBuildInputs:-} ${buildInputs:-} ${propagatedBuildInputs:-}; do
  addInput "$input"
done
# A package finds its own libraries, which are not there yet when it is linked.
NIX_LDFLAGS="-rpath $outputLib/lib $NIX_LDFLAGS"

# Helpers for packages ---------------------------------------------------

# substitute FILE [--replace OLD NEW]…: replace strings, in place. A string that
# is not there is an error: the file is not what the package expects.
substitute() {
  local file="$1" text
  shift
  # The dot keeps newlines at the end, which $() would drop.
  text="$(cat "$file"; printf .)"
  text="${text%.}"
  while [ $# -gt 0 ]; do
    [ "$1" = --replace ] || { echo "substitute: unknown option '$1'" >&2; return 1; }
    if [[ "$text" != *"$2"* ]]; then
      echo "substitute: '$2' is not in '$file'" >&2
      return 1
    fi
    text="${text//"$2"/"$3"}"
    shift 3
  done
  printf %s "$text" > "$file"
}

# patchShebangs DIR…: point scripts to interpreters in the store. Those of a
# package's results come from its buildInputs, those of its sources from PATH.
patchShebangs() {
  local file line interpreter found words date
  while IFS= read -r -d '' file; do
    IFS= read -r line < "$file" || [ -n "$line" ] || continue
    [[ "$line" == '#!'* ]] || continue
    read -r -a words <<< "${line#??}" || true
    [ ${#words[@]} -gt 0 ] || continue
    interpreter="${words[0]}"
    if [ "${interpreter##*/}" = env ] && [ ${#words[@]} -gt 1 ]; then
      words=("${words[@]:1}")
      interpreter="${words[0]}"
    fi
    case "$interpreter" in
      "$toolchain"/*) ;; # from patching the sources: not for results
      "$storeDir"/*) continue ;;
    esac
    found="$(findInterpreter "${interpreter##*/}")" || {
      echo "interpreter of $file left alone: $interpreter" >&2
      continue
    }
    words[0]="$found"
    # make goes by the dates of files: this one has not changed.
    date="$(stat -c %y "$file")"
    sed -i "1s|.*|#!${words[*]}|" "$file"
    touch -d "$date" "$file"
  done < <(find "$@" -type f -perm -0100 -exec grep -lZ -m1 '^#!' {} + 2> /dev/null)
}

findInterpreter() {
  if [ -z "${fixingUp:-}" ]; then
    type -P "$1"
    return
  fi
  local dir
  for dir in ${buildInputs:-} ${propagatedBuildInputs:-} "$runtimeShell"; do
    if [ -x "$dir/bin/$1" ]; then
      printf %s "$dir/bin/$1"
      return
    fi
  done
  return 1
}

# Phases -----------------------------------------------------------------

unpackFile() {
  case "$1" in
    *.zip) echo "zip archives are not unpacked: $1" >&2; return 1 ;;
  esac
  if [ -d "$1" ]; then
    local name="${1##*/}"
    # In the store all files have one date; in a copy they need one as well,
    # lest make take some for older than others.
    cp -r --preserve=timestamps "$1" "${name#*-}"
    chmod -R u+w "${name#*-}"
  else
    # Owners and permissions of an archive mean nothing here.
    tar -xf "$1" --no-same-owner --no-same-permissions
  fi
}

unpackPhase() {
  local file dirs
  for file in ${srcs:-${src:-}}; do
    echo "unpacking $file"
    unpackFile "$file"
  done
  if [ -z "${sourceRoot:-}" ]; then
    dirs=(*/)
    case ${#dirs[@]} in
      0) sourceRoot=. ;;
      1) sourceRoot="${dirs[0]%/}" ;;
      *) echo "the sources unpack to several folders: ${dirs[*]}; set sourceRoot" >&2; return 1 ;;
    esac
  fi
  cd "$sourceRoot"
  # The date that programs may write into their results: of the newest source.
  local newest
  newest="$(find . -type f -printf '%T@\n' | sort -n | tail -n1)"
  newest="${newest%%.*}"
  if [ "${newest:-0}" -gt "$SOURCE_DATE_EPOCH" ]; then
    export SOURCE_DATE_EPOCH="$newest"
  fi
}

patchPhase() {
  local file
  for file in ${patches:-}; do
    echo "applying $file"
    case "$file" in
      *.gz) gzip -dc "$file" | patch -p1 ;;
      *.xz) xz -dc "$file" | patch -p1 ;;
      *) patch -p1 < "$file" ;;
    esac
  done
  patchShebangs .
}

configurePhase() {
  local script="${configureScript:-./configure}" flags=()
  if [ ! -x "$script" ]; then
    echo "nothing to configure"
    return
  fi
  [ -n "${dontAddPrefix:-}" ] || flags+=("--prefix=$prefix")
  if grep -q 'Generated by GNU Autoconf' "$script"; then
    flags+=(--disable-dependency-tracking)
    [ "$outputBin" = "$prefix" ] || flags+=("--bindir=$outputBin/bin" "--sbindir=$outputBin/sbin")
    [ "$outputLib" = "$prefix" ] || flags+=("--libdir=$outputLib/lib")
    [ "$outputDev" = "$prefix" ] || flags+=("--includedir=$outputDev/include")
    [ "$outputMan" = "$prefix" ] || flags+=("--mandir=$outputMan/share/man")
  fi
  echo "$script" "${flags[@]}" ${configureFlags:-}
  "$script" "${flags[@]}" ${configureFlags:-} "${configureFlagsArray[@]}"
}

# make with the flags that every phase shares.
makeWith() {
  local flags=("SHELL=$SHELL")
  [ -z "${makefile:-}" ] || flags+=(-f "$makefile")
  [ -z "${enableParallelBuilding:-}" ] || flags+=("-j${NIX_BUILD_CORES:-1}")
  make "${flags[@]}" ${makeFlags:-} "${makeFlagsArray[@]}" "$@"
}

hasMakefile() {
  [ -n "${makefile:-}" ] || [ -e Makefile ] || [ -e makefile ] || [ -e GNUmakefile ]
}

buildPhase() {
  if hasMakefile; then
    makeWith ${buildFlags:-}
  else
    echo "nothing to build: no makefile"
  fi
}

checkPhase() {
  makeWith ${checkFlags:-} ${checkTarget:-check}
}

installPhase() {
  if hasMakefile; then
    makeWith ${installFlags:-} ${installTargets:-install}
  else
    echo "the package has no makefile: set installPhase" >&2
    return 1
  fi
}

# Moves files below one output to another: moveTo OUTPUT PATH…
moveTo() {
  local to="$1" file dir
  shift
  [ "$to" != "$prefix" ] || return 0
  for file; do
    [ -e "$prefix/$file" ] || [ -L "$prefix/$file" ] || continue
    dir="$(dirname "$to/$file")"
    mkdir -p "$dir"
    cp -a "$prefix/$file" "$dir/"
    rm -r "${prefix:?}/$file"
  done
  find "$prefix" -mindepth 1 -type d -empty -delete
}

fixupPhase() {
  local output file
  fixingUp=1
  (
    cd "$prefix"
    moveTo "$outputBin" bin sbin
    moveTo "$outputDev" include lib/pkgconfig share/pkgconfig share/aclocal
    moveTo "$outputMan" share/man
    moveTo "$outputDoc" share/doc share/info
    moveTo "$outputLib" lib
  )
  for output in $outputs; do
    mkdir -p "${!output}"
    stripFiles "${!output}"
    patchShebangs "${!output}"
    # The index of all manuals is made anew by whatever shows them; libtool's
    # notes say where the libraries were built.
    rm -f "${!output}/share/info/dir" "${!output}"/lib/*.la
  done
  propagate
}

# Strips programs and libraries, and drops the library paths that they do not
# need.
stripFiles() {
  [ -z "${dontStrip:-}" ] || return 0
  local file start
  while IFS= read -r -d '' file; do
    IFS= read -r -d '' -n 8 start < "$file" || true
    case "$file:$start" in
      *.o:?ELF*) ;; # start-up code and the like
      *.a:'!<arch>'*)
        strip --strip-debug --enable-deterministic-archives "$file"
        ;;
      *:?ELF*)
        strip --strip-unneeded "$file" 2> /dev/null || continue
        if [ -z "${dontShrinkLibraryPaths:-}" ] && patchelf --print-rpath "$file" > /dev/null 2>&1; then
          patchelf --shrink-rpath "$file"
        fi
        ;;
    esac
  done < <(find "$1" -type f -print0)
}

# Notes for packages that use this one what they need besides.
propagate() {
  local inputs="${propagatedBuildInputs:-}"
  if [ "$outputDev" != "$outputLib" ]; then
    inputs="$inputs $outputLib"
  fi
  if [ -n "${inputs// /}" ]; then
    mkdir -p "$outputDev/nix-support"
    echo $inputs > "$outputDev/nix-support/propagated-build-inputs"
  fi
}

# The run ----------------------------------------------------------------

configureFlagsArray=() makeFlagsArray=()

genericBuild() {
  local phase name title
  for phase in ${phases:-unpackPhase patchPhase configurePhase buildPhase checkPhase installPhase fixupPhase}; do
    name="${phase%Phase}"
    title="${name^}"
    case "$name" in
      check) [ -n "${doCheck:-}" ] || continue ;;
      *) local dont="dont$title"; [ -z "${!dont:-}" ] || continue ;;
    esac
    echo "phase: $name"
    run "pre$title"
    run "$phase"
    run "post$title"
  done
}

genericBuild
