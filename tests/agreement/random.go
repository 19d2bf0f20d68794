// Command agreement evaluates random expressions in two implementations and
// shows where results or messages differ.
//
//	go run ./tests/agreement -reference 'DIR/nix' -glang 'glang nix' -n 100000
//
// Both commands act as nix; their REPL is fed many expressions at a time, so
// that a hundred thousand take minutes. Expressions are well typed, mostly.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

func main() {
	reference := flag.String("reference", "nix", "the command to compare with, with the arguments of nix")
	glang := flag.String("glang", "glang nix", "the command under test")
	n := flag.Int("n", 10000, "how many expressions")
	batch := flag.Int("batch", 500, "how many in one process")
	seed := flag.Uint64("seed", 1, "where to begin")
	show := flag.Int("show", 20, "how many differences to show in full")
	of := flag.String("of", "expressions", "what to compare: expressions, or toml for documents that fromTOML reads")
	flag.Parse()
	generate, ok := map[string]func(*generator) string{"expressions": (*generator).program, "toml": (*generator).toml}[*of]
	if !ok {
		flag.Usage()
		os.Exit(2)
	}
	bad, failed := 0, 0
	for done := 0; done < *n; done += *batch {
		g := &generator{rand: rand.New(rand.NewPCG(*seed, uint64(done)))}
		var exprs []string
		for range min(*batch, *n-done) {
			exprs = append(exprs, generate(g))
		}
		want, err := answers(*reference, exprs)
		if errors.Is(err, context.DeadlineExceeded) {
			fmt.Println("the reference hangs; these are left out")
			continue
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "reference:", err)
			os.Exit(2)
		}
		got, err := answers(*glang, exprs)
		if err != nil {
			fmt.Fprintln(os.Stderr, "glang:", err)
			os.Exit(2)
		}
		for i, e := range exprs {
			if strings.HasPrefix(want[i], "error:") {
				failed++
			}
			if want[i] == got[i] {
				continue
			}
			if bad++; bad <= *show {
				fmt.Printf("=== %s\n--- reference\n%s\n--- glang\n%s\n", e, want[i], got[i])
			}
		}
	}
	fmt.Printf("%d expressions, %d of them errors, %d differ\n", *n, failed, bad)
	if bad > 0 {
		os.Exit(1)
	}
}

// What a REPL may say around an answer: control sequences, and its prompt with
// an echo of the line.
var (
	control = regexp.MustCompile(`\x1b\[[0-9;?]*[a-zA-Z]|\r`)
	prompt  = regexp.MustCompile(`(?m:^nix-repl> .*$)`)
)

// answers gives what a command's REPL has to say to each expression.
func answers(command string, exprs []string) ([]string, error) {
	store, err := os.MkdirTemp("", "agreement")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(store)
	var in strings.Builder
	for i, e := range exprs {
		fmt.Fprintf(&in, "%s\n\"@%d@\"\n", e, i)
	}
	args := append(strings.Fields(command), "repl", "--store", store, "--extra-experimental-features", "nix-command flakes pipe-operators")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Env = append(os.Environ(), "TERM=dumb", "NO_COLOR=1")
	c.Stdin = strings.NewReader(in.String())
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); ctx.Err() != nil {
		return nil, ctx.Err()
	} else if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out.String())
	}
	rest := prompt.ReplaceAllString(control.ReplaceAllString(out.String(), ""), "")
	var all []string
	for i := range exprs {
		answer, after, ok := strings.Cut(rest, fmt.Sprintf("\"@%d@\"\n", i))
		if !ok {
			return nil, fmt.Errorf("no answer to %s in %.2000s", exprs[i], rest)
		}
		answer = strings.TrimSpace(answer)
		if i == 0 {
			_, answer, _ = strings.Cut(answer, "Type :? for help.")
			answer = strings.TrimSpace(answer)
		}
		all = append(all, answer)
		rest = after
	}
	return all, nil
}
