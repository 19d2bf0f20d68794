//go:build unix

package realise

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// An output is one output of a build on its way into the store.
type output struct {
	name    string
	def     derivation.Output
	known   storepath.Path // where it will lie, if that is known before the build
	valid   bool           // it was valid before
	scratch storepath.Path // what the builder is told to write

	tmp     string           // the private copy
	refs    []storepath.Path // scratch paths and inputs that it refers to
	narHash hash.Hash
	narSize int64
	exec    bool // a file that may be executed, or no file: not for flat hashing
	info    *store.PathInfo
}

// takeOutputs copies what the builder made out of dir, the directory that has
// the scratch outputs, checks it and makes it valid.
func (b *build) takeOutputs(dir string) error {
	tmp, done, err := b.g.workDir(b.slot)
	if err != nil {
		return err
	}
	defer done()
	if err := b.copyOutputs(dir, tmp); err != nil {
		return err
	}
	sorted, err := b.sortOutputs()
	if err != nil {
		return err
	}
	rewrites := map[string]string{} // hash parts of scratch paths to final ones
	for _, o := range b.outputs {
		if o.tmp == "" && o.scratch != o.known {
			rewrites[o.scratch.HashPart()] = o.known.HashPart()
		}
	}
	infos := map[string]*store.PathInfo{}
	for _, o := range sorted {
		if err := b.finish(o, rewrites); err != nil {
			return err
		}
		infos[o.name] = o.info
		// What is named by its contents stays even if it is not what was wanted.
		if b.mode == Check || !o.info.CA.IsZero() {
			if err := b.place(o); err != nil {
				return err
			}
		}
	}
	if err := b.checkOutputs(infos); err != nil {
		return err
	}
	if b.mode == Check {
		return nil
	}
	for _, o := range sorted {
		if o.info.CA.IsZero() {
			if err := b.place(o); err != nil {
				return err
			}
		}
	}
	all := make([]store.PathInfo, 0, len(infos))
	for _, name := range sortedNames(infos) {
		if i := infos[name]; !slices.ContainsFunc(all, func(o store.PathInfo) bool { return o.Path == i.Path }) {
			all = append(all, *i)
		}
	}
	return b.r.store.Register(all)
}

// copyOutputs takes over the outputs that are wanted, with their references.
func (b *build) copyOutputs(dir, tmp string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening directory \"%s\": %w", dir, err)
	}
	defer unix.Close(fd)
	candidates := slices.Clone(b.inputs)
	for _, o := range b.outputs {
		candidates = append(candidates, o.scratch)
	}
	var t taker
	for i, o := range b.outputs {
		if o.valid && b.mode != Check {
			continue
		}
		where := filepath.Join(dir, o.scratch.String())
		var st unix.Stat_t
		if err := unix.Fstatat(fd, o.scratch.String(), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return b.r.failf(OutputRejected, b.path, "builder for '%s' failed to produce output path for output '%s' at \"%s\"",
				b.r.print(b.path), o.name, where)
		}
		if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFLNK && st.Mode&0o022 != 0 {
			return b.r.failf(OutputRejected, b.path, "suspicious ownership or permission on \"%s\" for output '%s'; rejecting this build output", where, o.name)
		}
		o.exec = st.Mode&unix.S_IFMT != unix.S_IFREG || st.Mode&0o100 != 0
		o.tmp = filepath.Join(tmp, fmt.Sprint(i))
		if err := t.take(fd, o.scratch.String(), o.tmp, where); err != nil {
			return err
		}
		scanner := store.NewScanner(candidates)
		var scan io.Writer = scanner
		if b.opts.UnsafeDiscardReferences[o.name] {
			scan = io.Discard
		}
		if err := b.hashNAR(o, scan); err != nil {
			return err
		}
		o.refs = scanner.Found()
	}
	return nil
}

func (b *build) hashNAR(o *output, also io.Writer) error {
	h := hash.New(b.r.scheme.Hash)
	if err := nar.Dump(io.MultiWriter(h, also), o.tmp, nil); err != nil {
		return err
	}
	o.narHash, o.narSize = h.Sum(), h.Size()
	return nil
}

// sortOutputs puts each output after those that it refers to: their final
// hashes may have to be written into it.
func (b *build) sortOutputs() ([]*output, error) {
	byScratch := map[storepath.Path]*output{}
	for _, o := range b.outputs {
		if o.tmp != "" {
			byScratch[o.scratch] = o
		}
	}
	state := map[*output]int{} // 1: being visited, 2: done
	var sorted []*output
	var visit func(o, parent *output) error
	visit = func(o, parent *output) error {
		switch state[o] {
		case 2:
			return nil
		case 1:
			return b.r.failf(OutputRejected, b.path, "cycle detected in build of '%s' in the references of output '%s' from output '%s'",
				b.r.print(b.path), o.name, parent.name)
		}
		state[o] = 1
		for _, ref := range o.refs {
			if other := byScratch[ref]; other != nil && other != o {
				if err := visit(other, o); err != nil {
					return err
				}
			}
		}
		state[o] = 2
		sorted = append(sorted, o)
		return nil
	}
	for _, o := range b.outputs {
		if o.tmp != "" {
			if err := visit(o, o); err != nil {
				return nil, err
			}
		}
	}
	return sorted, nil
}

// finish settles path and contents of an output. rewrites has the outputs that
// came before it, and gets this one.
func (b *build) finish(o *output, rewrites map[string]string) error {
	info := &store.PathInfo{Deriver: b.path, Ultimate: true}
	if o.def.Kind == derivation.InputAddressed || o.def.Kind == derivation.Deferred {
		info.Path = o.known
		if o.scratch != o.known {
			rewrites[o.scratch.HashPart()] = o.known.HashPart()
		}
		if err := b.rewrite(o, rewrites); err != nil {
			return err
		}
	} else if err := b.addressByContents(o, info, rewrites); err != nil {
		return err
	}
	if o.scratch != info.Path {
		rewrites[o.scratch.HashPart()] = info.Path.HashPart()
	}
	info.NarHash, info.NarSize = o.narHash, o.narSize
	refs, self := b.rewrittenRefs(o, rewrites)
	if self {
		refs = append(refs, info.Path)
		slices.SortFunc(refs, storepath.Compare)
	}
	info.References = refs
	o.info = info
	if b.r.opts.Sign != nil {
		return b.r.opts.Sign(info)
	}
	return nil
}

// addressByContents computes the path of an output that is named by them.
func (b *build) addressByContents(o *output, info *store.PathInfo, rewrites map[string]string) error {
	if (o.def.Method == storepath.Flat || o.def.Method == storepath.Text) && o.exec {
		return b.r.failf(OutputRejected, b.path, "output path \"%s\" should be a non-executable regular file "+
			"since recursive hashing is not enabled (one of outputHashMode={flat,text} is true)", b.r.print(o.scratch))
	}
	if err := b.rewrite(o, rewrites); err != nil {
		return err
	}
	var got hash.Hash
	var err error
	self := o.scratch.HashPart()
	if o.def.Method == storepath.NAR && o.def.Algo == b.r.scheme.Hash && !slices.Contains(o.refs, o.scratch) {
		got = o.narHash // nothing to blank: it is the same
	} else if got, err = store.HashModulo(o.def.Method, o.def.Algo, nar.OS(), o.tmp, self); err != nil {
		return err
	}
	refs, selfRef := b.rewrittenRefs(o, rewrites)
	info.CA = storepath.ContentAddress{Method: o.def.Method, Hash: got}
	info.Path, err = b.r.scheme.FixedOutputPath(storepath.OutputName(b.drv.Name, o.name), o.def.Method, got, refs, selfRef)
	if err != nil {
		return &BuildError{Kind: OutputRejected, Drv: b.path, Exit: -1, Message: err.Error(), Cause: err}
	}
	if o.scratch != info.Path && selfRef {
		return b.rewrite(o, map[string]string{self: info.Path.HashPart()})
	}
	return nil
}

// rewrittenRefs are the references as they are in the end, without itself.
func (b *build) rewrittenRefs(o *output, rewrites map[string]string) (refs []storepath.Path, self bool) {
	for _, ref := range o.refs {
		if ref == o.scratch {
			self = true
			continue
		}
		if to, ok := rewrites[ref.HashPart()]; ok {
			if p, err := storepath.ParseBase(to + "-" + ref.Name()); err == nil {
				ref = p
			}
		}
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, storepath.Compare)
	return slices.Compact(refs), self
}

// rewrite replaces hash parts in the copy of an output, if it has any of them.
func (b *build) rewrite(o *output, rewrites map[string]string) error {
	needed := false
	for _, ref := range o.refs {
		if _, ok := rewrites[ref.HashPart()]; ok {
			needed = true
		}
	}
	if !needed {
		return nil
	}
	r, w := io.Pipe()
	go func() {
		rw, err := store.NewRewriter(w, rewrites)
		if err == nil {
			err = nar.Dump(rw, o.tmp, nil)
		}
		if err == nil {
			err = rw.Flush()
		}
		w.CloseWithError(err)
	}()
	to := o.tmp + "r"
	err := nar.Restore(r, to)
	r.CloseWithError(err) // ends the goroutine, should it still write
	if err != nil {
		return err
	}
	if err := b.r.store.Canonicalise(to, store.CanonicalOptions{KeepRootWritable: true}); err != nil {
		return err
	}
	o.tmp = to // the old copy goes with its directory
	return b.hashNAR(o, io.Discard)
}

// place moves an output to its name in the store, or compares it with what is
// there. It is not valid yet, unless its name follows from its contents.
func (b *build) place(o *output) error {
	s, p := b.r.store, o.info.Path
	if p != o.known { // only now is it known what to lock and to keep
		if err := s.AddTempRoot(p); err != nil {
			return err
		}
		unlock, err := s.Lock(b.ctx, []storepath.Path{p}, nil)
		if err != nil {
			return err
		}
		defer unlock()
	}
	valid, err := s.IsValid(p)
	if err != nil {
		return err
	}
	if b.mode == Check {
		if valid {
			return b.compare(o)
		}
		return nil
	}
	if !valid || (b.mode == Repair && p == o.known) {
		if err := s.Install(o.tmp, p); err != nil {
			return err
		}
	}
	if o.info.CA.IsZero() {
		return nil
	}
	// Registered even if it is not what was wanted: the next attempt, with the
	// hash corrected, has it already.
	return s.Register([]store.PathInfo{*o.info})
}

// compare is what --check does instead of keeping the output.
func (b *build) compare(o *output) error {
	old, err := b.r.store.PathInfo(o.info.Path)
	if err != nil {
		return err
	}
	if old.NarHash == o.info.NarHash {
		if old.Ultimate {
			return nil
		}
		old.Ultimate = true // built here with this result: its word can be trusted
		return b.r.store.Register([]store.PathInfo{*old})
	}
	real := b.r.store.RealPath(o.info.Path)
	fail := b.r.failf(NotDeterministic, b.path, "derivation '%s' may not be deterministic: output \"%s\" differs", b.r.print(b.path), real)
	if !b.r.opts.KeepFailed && b.r.opts.DiffHook == "" {
		return fail
	}
	kept := real + ".check"
	if err := errors.Join(removeTree(kept), os.Rename(o.tmp, kept), lockDown(kept)); err != nil {
		return err
	}
	b.diffHook(real, kept)
	fail.GotPath = kept
	fail.Message += " from \"" + kept + "\""
	return fail
}

// lockDown gives a directory that was renamed the mode of store objects.
func lockDown(path string) error {
	fi, err := os.Lstat(path)
	if err != nil || !fi.IsDir() {
		return err
	}
	return os.Chmod(path, 0o555)
}
