//go:build unix

package realise

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/seed192a40f6/glang/realise/sandbox"
)

// preBuildHook asks the hook for further paths of the sandbox.
func (b *build) preBuildHook(binds []sandbox.Bind) ([]sandbox.Bind, error) {
	hook := b.r.opts.PreBuildHook
	if hook == "" {
		return binds, nil
	}
	out, err := exec.CommandContext(b.ctx, hook, b.r.print(b.path)).Output()
	if err != nil {
		return nil, fmt.Errorf("program '%s' %s: %w", hook, "failed", err)
	}
	paths := false
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	for lines.Scan() {
		line := lines.Text()
		switch {
		case !paths && (line == "extra-sandbox-paths" || line == "extra-chroot-dirs"):
			paths = true
		case !paths:
			return nil, fmt.Errorf("unknown pre-build hook command '%s'", line)
		case line == "":
			paths = false
		default:
			target, source, ok := strings.Cut(line, "=")
			if !ok {
				source = target
			}
			binds = append(binds, sandbox.Bind{Source: source, Target: target})
		}
	}
	return binds, lines.Err()
}

// postBuildHook tells the hook of the outputs. That it fails is only told.
func (b *build) postBuildHook() {
	hook := b.r.opts.PostBuildHook
	if hook == "" {
		return
	}
	var outs []string
	for _, o := range b.outputs {
		if o.info != nil {
			outs = append(outs, b.r.print(o.info.Path))
		}
	}
	cmd := exec.CommandContext(b.ctx, hook)
	cmd.Env = append(os.Environ(), "DRV_PATH="+b.r.print(b.path), "OUT_PATHS="+strings.Join(outs, " "))
	out, err := cmd.CombinedOutput()
	for _, line := range strings.Split(strings.TrimRight(string(out), "\n"), "\n") {
		if line != "" {
			b.r.event(Event{Kind: BuildLine, Drv: b.path, Text: line})
		}
	}
	if err != nil {
		b.r.event(Event{Kind: Warning, Drv: b.path, Text: fmt.Sprintf("post-build-hook '%s' failed: %v", hook, err)})
	}
}

// diffHook shows two versions of an output to the hook.
func (b *build) diffHook(old, other string) {
	hook := b.r.opts.DiffHook
	if hook == "" {
		return
	}
	cmd := exec.CommandContext(b.ctx, hook, old, other, b.r.print(b.path), b.room.Build())
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if text := strings.TrimRight(string(out), "\n"); text != "" {
		b.r.event(Event{Kind: Message, Drv: b.path, Text: text})
	}
	if err != nil {
		b.r.event(Event{Kind: Warning, Drv: b.path, Text: fmt.Sprintf("diff hook execution failed: %v", err)})
	}
}
