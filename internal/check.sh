#!/usr/bin/env bash
# check.sh: everything to run besides the tests. Stops at the first failure.
#   formatting, vet, staticcheck, tidiness of go.mod, cross-compilation, tests under the race detector
# Tools are pinned here. Needs gcc for the race detector alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
export CGO_ENABLED=0

step() { printf '== %s\n' "$*"; }

step gofmt -s
unformatted=$(git ls-files '*.go' | xargs gofmt -s -l)
if [[ -n $unformatted ]]; then
  printf 'not in gofmt -s form:\n%s\n' "$unformatted" >&2
  exit 1
fi

step go vet
go vet ./...

step staticcheck
go run "$staticcheck" ./...

step go mod tidy
go mod tidy -diff

step cross-compilation
GOOS=darwin GOARCH=arm64 go build ./...
# Without a store: the language and the embedding API.
for target in windows/amd64 js/wasm; do
  GOOS=${target%/*} GOARCH=${target#*/} go build . ./lang/... ./derivation/... ./store/hash ./store/storepath ./store/nar
done

step go test -race
CGO_ENABLED=1 go test -race -short ./...
