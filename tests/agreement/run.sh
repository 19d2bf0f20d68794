#!/bin/sh
# Compares two implementations on the expressions of *.txt in this folder.
#
#     run.sh REFERENCE GLANG [FILE...]
#
# Both arguments are commands that act as nix-instantiate; they may hold
# spaces. Every expression is evaluated strictly, without writing to a store.
# Differences of standard output, standard error and exit status are shown.
set -u
here=$(cd "$(dirname "$0")" && pwd)
reference=$1 glang=$2
shift 2
[ $# -gt 0 ] || set -- "$here"/*.txt
cd "$here" || exit 2
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
unset NIX_PATH
export NIX_CONFIG='experimental-features = flakes fetch-tree fetch-closure dynamic-derivations'
n=0 bad=0
while IFS= read -r expr; do
	case $expr in '' | '#'*) continue ;; esac
	n=$((n + 1))
	$reference --eval --strict --show-trace -E "$expr" >"$tmp/want" 2>"$tmp/want.err" </dev/null
	echo "status $?" >>"$tmp/want"
	$glang --eval --strict --show-trace -E "$expr" >"$tmp/got" 2>"$tmp/got.err" </dev/null
	echo "status $?" >>"$tmp/got"
	cat "$tmp/want.err" >>"$tmp/want"
	cat "$tmp/got.err" >>"$tmp/got"
	if ! cmp -s "$tmp/want" "$tmp/got"; then
		bad=$((bad + 1))
		printf '=== %s\n' "$expr"
		diff -u --label reference --label glang "$tmp/want" "$tmp/got"
	fi
done <<EOF
$(cat "$@")
EOF
echo "$n expressions, $bad differ"
[ "$bad" = 0 ]
