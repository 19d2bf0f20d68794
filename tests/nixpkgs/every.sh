#!/bin/sh
# Compares what two implementations say about every attribute of a set, in
# batches of one process each: values, traces, warnings and errors. Where an
# attribute ends in an error that tryEval does not catch, both must give the same
# one; the rest of its batch is then tried without it.
#
#     every.sh [-s SET] [-a ARGS] [-n BATCH] [-w] TREE REFERENCE GLANG [FLAGS...]
#
# TREE is a file or folder to import, called with ARGS (a set, as an expression)
# if it is a function; SET is the path of a set inside. REFERENCE and GLANG are
# commands that act as nix-instantiate; they may hold spaces. With -w each
# writes to a store of its own, as trees need that import what they copied.
set -u
set= args='{ }' batch=300 write=
while getopts s:a:n:w o; do
	case $o in
	s) set=$OPTARG ;;
	a) args=$OPTARG ;;
	n) batch=$OPTARG ;;
	w) write=yes ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 3 ] || { sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
tree=$(realpath "$1") || exit 2
reference=$2 glang=$3
shift 3
tmp=$(mktemp -d) || exit 2
trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
mkdir "$tmp/home"
export HOME="$tmp/home"

# run WHO COMMAND ARGS...: evaluates every.nix; what it prints goes to WHO.out,
# what it says to WHO.err.
run() {
	who=$1 command=$2
	shift 2
	store='dummy:// --readonly-mode'
	[ -z "$write" ] || store="$tmp/$who --read-write-mode"
	# The words are meant to be split.
	# shellcheck disable=SC2086
	$command --store $store --eval --strict --json "$here/every.nix" --arg tree "$tree" --arg args "$args" --argstr set "$set" "$@" \
		>"$tmp/$who.out" 2>"$tmp/$who.err" </dev/null
	echo "status $?" >>"$tmp/$who.err"
	sed -i "s|$tmp/$who|STORE|g" "$tmp/$who.out" "$tmp/$who.err"
}

# both ARGS...: runs the two and tells whether they agree.
both() {
	run want "$reference" "$@"
	run got "$glang" "$@"
	cmp -s "$tmp/want.out" "$tmp/got.out" && cmp -s "$tmp/want.err" "$tmp/got.err"
}

# show: prints how the two differ.
show() {
	for part in out err; do
		for who in want got; do
			sed 's/},"/},\n"/g; s/","/",\n"/g' "$tmp/$who.$part" >"$tmp/$who.lines"
		done
		diff -u --label "reference $part" --label "glang $part" "$tmp/want.lines" "$tmp/got.lines" | head -40
	done
}

both "$@" || { show; echo "$tree $set: the lists of names differ"; exit 1; }
grep -q '^status 0' "$tmp/want.err" || { cat "$tmp/want.err"; echo "$tree $set: no such set"; exit 0; }
sed 's/^\["//; s/"\]$//; s/","/\n/g' "$tmp/want.out" | split -l "$batch" - "$tmp/names."
total=0 failing=0 bad=0
for names in "$tmp"/names.*; do
	total=$((total + $(wc -l <"$names")))
	while [ -s "$names" ]; do
		both --arg names "$names" "$@" || { bad=$((bad + 1)); show; }
		grep -q '^status 0' "$tmp/want.err" && break
		name=$(sed -n 's/.*attribute <\(.*\)>$/\1/p' "$tmp/want.err" | head -1)
		[ -n "$name" ] || { cat "$tmp/want.err"; break; }
		failing=$((failing + 1))
		grep -vxF -e "$name" "$names" >"$tmp/rest"
		mv "$tmp/rest" "$names"
	done
done
echo "$tree $set: $total attributes, $failing of them uncaught errors, $bad differences"
[ "$bad" = 0 ]
