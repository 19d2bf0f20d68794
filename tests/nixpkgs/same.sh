#!/bin/sh
# Compares what two implementations write when they instantiate packages of a
# nixpkgs tree: every derivation of the closures and every source copied, byte
# for byte, modes and times too, and what is said on standard error.
#
#     same.sh TREE REFERENCE GLANG [FILE.nix | ATTRIBUTE | FLAGS...]...
#
# REFERENCE and GLANG are commands that act as nix-instantiate; they may hold
# spaces. Each further argument is one case: a NixOS configuration, an
# attribute of the tree, or a whole list of arguments when it holds a space.
# Without any, the packages and systems beside this script are taken.
# Each case gets two new, empty stores below TMPDIR.
set -u
[ $# -ge 3 ] || { sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$1" && pwd) || exit 2
reference=$2 glang=$3
shift 3
[ $# -gt 0 ] || set -- hello firefox kdenlive ardour supercollider libreoffice chromium qemu \
	texlive.combined.scheme-small pkgsCross.aarch64-multiplatform.hello \
	"$here/small-system.nix" "$here/desktop-system.nix"
tmp=$(mktemp -d) || exit 2
trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
unset NIX_PATH
bad=0

# inventory DIR: one line for each object in the store below DIR: kind, mode,
# time, target, digest of the content, name.
inventory() {
	(
		cd "$1/nix/store" || exit 2
		find . -mindepth 1 \( -path ./.links -o -name '*.lock' \) -prune -o -printf '%y %m %T@ %P %l\n' | LC_ALL=C sort
		find . -mindepth 1 -path ./.links -prune -o -type f ! -name '*.lock' -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
	)
}

for case; do
	case $case in
	*' '*) args=$case ;;
	*.nix)
		f=$(cd "$(dirname "$case")" && pwd)/${case##*/}
		args="$tree/nixos -A system --arg configuration $f"
		;;
	*) args="$tree -A $case" ;;
	esac
	rm -rf "$tmp/want" "$tmp/got"
	mkdir "$tmp/want" "$tmp/got"
	# The words are meant to be split.
	# shellcheck disable=SC2086
	$reference --store "$tmp/want" $args >"$tmp/want.out" 2>"$tmp/want.err" </dev/null
	echo "status $?" >>"$tmp/want.out"
	# shellcheck disable=SC2086
	$glang --store "$tmp/got" $args >"$tmp/got.out" 2>"$tmp/got.err" </dev/null
	echo "status $?" >>"$tmp/got.out"
	# The directories differ in name; their names differ in nothing else.
	sed -i "s|$tmp/want|STORE|g" "$tmp/want.out" "$tmp/want.err"
	sed -i "s|$tmp/got|STORE|g" "$tmp/got.out" "$tmp/got.err"
	inventory "$tmp/want" >"$tmp/want.list"
	inventory "$tmp/got" >"$tmp/got.list"
	n=$(find "$tmp/want/nix/store" -maxdepth 1 -name '*.drv' | wc -l)
	all=$(find "$tmp/want/nix/store" -mindepth 1 -maxdepth 1 ! -name .links | wc -l)
	same=yes
	for part in out err list; do
		diff -u --label "reference $part" --label "glang $part" "$tmp/want.$part" "$tmp/got.$part" >"$tmp/diff" && continue
		same=no
		head -40 "$tmp/diff"
	done
	[ "$same" = yes ] || bad=$((bad + 1))
	echo "$case: $n derivations, $((all - n)) sources, same: $same"
	chmod -R u+w "$tmp/want" "$tmp/got"
done
[ "$bad" = 0 ]
