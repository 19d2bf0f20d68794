#!/usr/bin/env bash
# run.sh GLANG: drives the language server with a real editor, Neovim (Debian package neovim).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
GLANG=$(realpath "${1:?usage: run.sh GLANG}")
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
export GLANG DIR
HOME=$DIR timeout 60 nvim --headless -u NONE -i NONE -n -c "luafile $here/nvim.lua"
