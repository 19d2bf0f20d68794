package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/profile"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// envRun is a run of nix-env: one operation with its flags and arguments.
type envRun struct {
	app     *app
	x       *evaluation
	store   *store.Store
	profile *profile.Profile
	flags   []string
	args    []string

	source      envSource
	exprPath    string // file or folder with the expressions
	fromProfile string
	filter      string // --system-filter

	dryRun, preserve, removeAll, prebuilt, keepDrvs bool
	forceName                                       string
}

// envSource is where packages to install come from.
type envSource uint8

const (
	fromUnknown     envSource = iota // names, or store paths
	fromExpressions                  // functions of the expressions' value
	fromProfile
	fromAttrs // attribute paths
)

type envOp struct {
	names string
	run   func(*envRun) error
}

// nixEnv is nix-env.
func nixEnv(a *app, args []string) error {
	ops := []envOp{
		{"--install -i", (*envRun).install}, {"--uninstall -e", (*envRun).uninstall}, {"--upgrade -u", (*envRun).upgrade},
		{"--set-flag", (*envRun).setFlag}, {"--set", (*envRun).set}, {"--query -q", (*envRun).query},
		{"--switch-profile -S", (*envRun).switchProfile}, {"--switch-generation -G", (*envRun).switchGeneration},
		{"--rollback", (*envRun).rollback}, {"--list-generations", (*envRun).listGenerations},
		{"--delete-generations", (*envRun).deleteGenerations},
	}
	const query, install = 5, 0
	f := a.oldFlags()
	ea := a.evalFlags(f)
	r := &envRun{app: a, filter: "*"}
	op := -1
	var file, prof string
	// nix-env has a flag of its own for what is a setting elsewhere.
	f.call("system", "", nil, func([]string) error { r.flags = append(r.flags, "--system"); return nil }).hidden = true
	f.text(&file, "file,f", "path", "the expressions to install from")
	f.text(&prof, "profile,p", "path", "the profile to work on")
	f.text(&r.forceName, "force-name", "name", "install under this name")
	f.text(&r.filter, "system-filter", "system", "packages for this system only, or *")
	f.boolean(&r.prebuilt, "prebuilt-only,b", "packages that need no building only")
	f.call("dry-run", "only show what would be done", nil, func([]string) error {
		a.logf(levelInfo, "(dry run; not doing anything)")
		r.dryRun = true
		return nil
	})
	f.other = func(arg string, next func() (string, error)) (bool, error) {
		for i, o := range ops {
			if slices.Contains(strings.Fields(o.names), arg) {
				if op >= 0 && op != i {
					return false, usagef("only one operation may be specified")
				}
				op = i
				return true, nil
			}
		}
		r.flags = append(r.flags, arg)
		if arg == "--from-profile" || op == query && (arg == "--attr" || arg == "-A") || op == install && arg == "--priority" {
			w, err := next()
			if err != nil {
				return false, err
			}
			r.flags = append(r.flags, w)
		}
		return true, nil
	}
	f.arg = func(w string) error { r.args = append(r.args, w); return nil }
	if done, err := a.parseOld(f, args); done || err != nil {
		return err
	}
	if op < 0 {
		return usagef("no operation specified")
	}
	if op == query {
		a.readOnly = true
	}
	r.keepDrvs = a.settings.Bool("keep-env-derivations")
	var err error
	if r.store, err = a.localStoreOrNil(); err != nil {
		return err
	}
	if r.x, err = a.evaluate(ea, false); err != nil {
		return err
	}
	if file != "" {
		if r.exprPath, err = r.x.lookupFile(file); err != nil {
			return err
		}
	} else {
		r.exprPath = a.userProfiles().Expressions()
	}
	if prof == "" {
		prof = a.env.Get("NIX_PROFILE")
	}
	if prof == "" {
		prof = a.userProfiles().Default()
	}
	r.profile = a.profileAt(prof)
	return ops[op].run(r)
}

// localStoreOrNil opens the store; nil if it is not one on disk.
func (a *app) localStoreOrNil() (*store.Store, error) {
	s, err := a.open()
	if err != nil {
		return nil, err
	}
	return s.Store, nil
}

// userProfiles are the places of the user's profiles under the nix scheme.
func (a *app) userProfiles() local.UserProfiles {
	return local.UserProfiles{Dirs: a.dirs, UID: a.env.UID, XDG: a.settings.Bool("use-xdg-base-directories")}
}

// sourceFlag takes one of the flags that say where packages come from; i is
// the index of the flag and moves over its argument.
func (r *envRun) sourceFlag(i *int) bool {
	switch r.flags[*i] {
	case "--from-expression", "-E":
		r.source = fromExpressions
	case "--from-profile":
		r.source = fromProfile
		*i++
		r.fromProfile = r.flags[*i]
	case "--attr", "-A":
		r.source = fromAttrs
	default:
		return false
	}
	return true
}

func (r *envRun) noFlags() error {
	if len(r.flags) > 0 {
		return usagef("unknown flag '%s'", r.flags[0])
	}
	return nil
}

func (r *envRun) warn(s string) { r.app.warn(s) }

// available are the packages of the expressions; within Do.
func (r *envRun) available(attr string) []*local.Package {
	x := r.x
	root := local.SourceValue(x.Machine, r.exprPath, r.warn)
	v, _ := x.SelectPath(root, attr, x.auto)
	all := local.Packages(x.Machine, v, attr, x.auto, true)
	if r.filter != "*" {
		all = slices.DeleteFunc(all, func(p *local.Package) bool { return p.System() != r.filter })
	}
	return all
}

func (r *envRun) installed() []*local.Package { return local.Installed(r.x.Machine, r.profile.Path) }

// queryPackages are the packages that arguments stand for; within Do.
func (r *envRun) queryPackages(words []string, newest bool) []*local.Package {
	x := r.x
	source := r.source
	if source == fromUnknown && len(words) > 0 && strings.Contains(words[0], "/") {
		return r.pathPackages(words)
	}
	var out []*local.Package
	switch source {
	case fromExpressions:
		arg := local.SourceValue(x.Machine, r.exprPath, r.warn)
		for _, w := range words {
			node, err := x.parseString(w)
			if err != nil {
				x.FailErr(ast.NoPos, err)
			}
			v := x.NewValue(x.Call(x.NewValue(x.Eval(node)), ast.NoPos, arg))
			out = append(out, local.Packages(x.Machine, v, "", x.auto, true)...)
		}
	case fromProfile:
		return r.filterPackages(local.Installed(x.Machine, r.fromProfile), words, newest)
	case fromAttrs:
		root := local.SourceValue(x.Machine, r.exprPath, r.warn)
		for _, w := range words {
			v, _ := x.SelectPath(root, w, x.auto)
			out = append(out, local.Packages(x.Machine, v, "", x.auto, true)...)
		}
	default:
		return r.filterPackages(r.available(""), words, newest)
	}
	return out
}

// pathPackages are packages named by store path.
func (r *envRun) pathPackages(words []string) []*local.Package {
	x := r.x
	var out []*local.Package
	for _, w := range words {
		p, err := r.app.storePath(r.store.Scheme(), w)
		if err != nil {
			x.FailErr(ast.NoPos, err)
		}
		pkg := local.PathPackage(x.Machine, p.Name(), storepath.Path{}, p)
		if p.IsDerivation() {
			d, err := r.store.ReadDerivation(p)
			if err != nil {
				x.FailErr(ast.NoPos, err)
			}
			o, err := d.OutputPath(r.store.Scheme(), "out")
			if err != nil {
				x.FailErr(ast.NoPos, err)
			}
			pkg = local.PathPackage(x.Machine, p.DrvName(), p, o)
		}
		out = append(out, pkg)
	}
	return out
}

// filterPackages picks the packages that selectors match; newest picks one of
// several with the same name.
func (r *envRun) filterPackages(all []*local.Package, words []string, newest bool) []*local.Package {
	out, err := local.PickPackages(all, words, newest, r.app.settings.System(), r.warn)
	if err != nil {
		r.x.FailErr(ast.NoPos, err)
	}
	return out
}

// isPrebuilt says whether a package needs no building.
func (r *envRun) isPrebuilt(p *local.Package) bool {
	ok, err := r.store.IsValid(p.OutPath())
	return err == nil && ok
}

// packageTarget is what must be valid before p can be installed.
func packageTarget(p *local.Package) realise.Target {
	if p.HasDrvPath() {
		return realise.Target{Drv: p.DrvPath()}
	}
	return realise.Target{Path: p.OutPath()}
}

// showMissing says what would be built for packages.
func (r *envRun) showMissing(pkgs []*local.Package) error {
	rr, err := r.app.realiser()
	if err != nil {
		return err
	}
	var targets []realise.Target
	for _, p := range pkgs {
		targets = append(targets, packageTarget(p))
	}
	plan, err := rr.Plan(r.app.context(), targets)
	if err != nil {
		return err
	}
	if r.app.verbosity >= levelInfo {
		r.app.printPlan(plan)
	}
	return nil
}

// create builds packages and makes an environment of them the profile's new
// generation; false if somebody else changed the profile since token.
func (r *envRun) create(pkgs []*local.Package, token string) (bool, error) {
	a, x := r.app, r.x
	rr, err := a.realiser()
	if err != nil {
		return false, err
	}
	build := func(targets ...realise.Target) error {
		if len(targets) == 0 {
			return nil
		}
		if _, err := rr.Realise(a.context(), targets, realise.Normal); err != nil {
			return r.app.buildFailed(err)
		}
		return nil
	}
	var drv, out storepath.Path
	err = x.Do(func() {
		var targets []realise.Target
		for _, p := range pkgs {
			if p.HasDrvPath() {
				targets = append(targets, realise.Target{Drv: p.DrvPath()})
			}
		}
		if err := build(targets...); err != nil {
			x.FailErr(ast.NoPos, err)
		}
		ensure := func(p storepath.Path) error {
			if err := r.store.AddTempRoot(p); err != nil {
				return err
			}
			return build(realise.Target{Path: p})
		}
		drv, out = local.UserEnv(x.Machine, a.session, pkgs, r.keepDrvs, ensure)
	})
	if err == nil {
		err = build(realise.Target{Drv: drv})
	}
	a.progress.stop()
	if err != nil {
		return false, err
	}
	unlock, err := r.profile.Lock()
	if err != nil {
		return false, err
	}
	defer unlock()
	if r.profile.Current() != token {
		a.logf(levelInfo, "profile \"%s\" changed while we were busy; restarting", r.profile.Path)
		return false, nil
	}
	g, err := r.profile.Create(r.store, out)
	if err != nil {
		return false, err
	}
	return true, r.profile.SwitchTo(g)
}

// update makes a new generation from what f computes, within Do, from the
// packages installed; again if the profile changed meanwhile.
func (r *envRun) update(f func() []*local.Package) error {
	for {
		token := r.profile.Current()
		var pkgs []*local.Package
		if err := r.x.Do(func() { pkgs = f() }); err != nil {
			return err
		}
		if r.dryRun {
			return nil
		}
		if done, err := r.create(pkgs, token); done || err != nil {
			return err
		}
	}
}

func (r *envRun) install() error {
	priority := ""
	for i := 0; i < len(r.flags); i++ {
		switch fl := r.flags[i]; {
		case r.sourceFlag(&i):
		case fl == "--preserve-installed" || fl == "-P":
			r.preserve = true
		case fl == "--remove-all" || fl == "-r":
			r.removeAll = true
		case fl == "--priority":
			i++
			if _, err := strconv.ParseInt(r.flags[i], 10, 32); err != nil {
				return usagef("'--priority' requires an integer argument")
			}
			priority = r.flags[i]
		default:
			return usagef("unknown flag '%s'", fl)
		}
	}
	var fresh []*local.Package
	err := r.x.Do(func() {
		for _, p := range r.queryPackages(r.args, true) {
			if r.prebuilt && !r.isPrebuilt(p) {
				continue
			}
			if r.forceName != "" {
				p.Name = r.forceName
			}
			if priority != "" {
				p.SetFlag("priority", priority)
			}
			fresh = append(fresh, p)
		}
	})
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, p := range fresh {
		names[derivation.ParseName(p.Name).Name] = true
	}
	return r.update(func() []*local.Package {
		all := slices.Clone(fresh)
		if !r.removeAll {
			for _, p := range r.installed() {
				if !r.preserve && names[derivation.ParseName(p.Name).Name] && !p.MetaBool("keep", false) {
					r.app.logf(levelInfo, "replacing old '%s'", p.Name)
				} else {
					all = append(all, p)
				}
			}
			for _, p := range fresh {
				r.app.logf(levelInfo, "installing '%s'", p.Name)
			}
		}
		if err := r.showMissing(fresh); err != nil {
			r.x.FailErr(ast.NoPos, err)
		}
		return all
	})
}

func (r *envRun) upgrade() error {
	kind := local.Newer
	for i := 0; i < len(r.flags); i++ {
		switch fl := r.flags[i]; {
		case r.sourceFlag(&i):
		case fl == "--lt":
			kind = local.Newer
		case fl == "--leq":
			kind = local.NewerOrEqual
		case fl == "--eq":
			kind = local.Equal
		case fl == "--always":
			kind = local.Always
		default:
			return usagef("unknown flag '%s'", fl)
		}
	}
	return r.update(func() []*local.Package {
		installed := r.installed()
		available := r.queryPackages(r.args, false)
		var out []*local.Package
		for _, p := range installed {
			out = append(out, r.upgradeOne(p, available, kind))
		}
		if err := r.showMissing(out); err != nil {
			r.x.FailErr(ast.NoPos, err)
		}
		return out
	})
}

// upgradeOne finds what p is to be replaced by, or p.
func (r *envRun) upgradeOne(p *local.Package, available []*local.Package, kind local.Upgrade) *local.Package {
	best := local.UpgradeOf(p, available, kind, func(q *local.Package) bool { return !r.prebuilt || r.isPrebuilt(q) })
	if best == p {
		return p
	}
	action := "upgrading"
	if derivation.CompareVersions(derivation.ParseName(p.Name).Version, derivation.ParseName(best.Name).Version) > 0 {
		action = "downgrading"
	}
	r.app.logf(levelInfo, "%s '%s' to '%s'", action, p.Name, best.Name)
	return best
}

func (r *envRun) setFlag() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	if len(r.args) < 2 {
		return usagef("not enough arguments to '--set-flag'")
	}
	selectors, err := local.ParseSelectors(r.args[2:])
	if err != nil {
		return err
	}
	return r.update(func() []*local.Package {
		installed := r.installed()
		for _, p := range installed {
			for _, s := range selectors {
				if s.Matches(derivation.ParseName(p.Name)) {
					r.app.logf(levelInfo, "setting flag on '%s'", p.Name)
					s.Hits++
					p.SetFlag(r.args[0], r.args[1])
					break
				}
			}
		}
		for _, s := range selectors {
			if s.Hits == 0 && s.Full != "*" {
				r.x.FailErr(ast.NoPos, fmt.Errorf("selector '%s' matches no derivations", s.Full))
			}
		}
		return installed
	})
}

func (r *envRun) set() error {
	for i := 0; i < len(r.flags); i++ {
		if fl := r.flags[i]; !r.sourceFlag(&i) {
			return usagef("unknown flag '%s'", fl)
		}
	}
	var pkg *local.Package
	var target realise.Target
	err := r.x.Do(func() {
		pkgs := r.queryPackages(r.args, true)
		if len(pkgs) != 1 {
			r.x.FailErr(ast.NoPos, errors.New("--set requires exactly one derivation"))
		}
		pkg = pkgs[0]
		target = packageTarget(pkg)
		pkg.OutPath()
	})
	if err != nil {
		return err
	}
	if _, err := r.app.realise([]realise.Target{target}, realise.Normal, r.dryRun); err != nil || r.dryRun {
		return err
	}
	g, err := r.profile.Create(r.store, pkg.OutPath())
	if err != nil {
		return err
	}
	return r.profile.SwitchTo(g)
}

func (r *envRun) uninstall() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	return r.update(func() []*local.Package {
		work := r.installed()
		for _, w := range r.args {
			var remove func(p *local.Package) bool
			if strings.Contains(w, "/") {
				path, err := r.app.storePath(r.store.Scheme(), w)
				if err != nil {
					r.x.FailErr(ast.NoPos, err)
				}
				remove = func(p *local.Package) bool { return p.OutPath() == path }
			} else {
				s, err := local.ParseSelectors([]string{w})
				if err != nil {
					r.x.FailErr(ast.NoPos, err)
				}
				remove = func(p *local.Package) bool { return s[0].Matches(derivation.ParseName(p.Name)) }
			}
			before := len(work)
			work = slices.DeleteFunc(work, func(p *local.Package) bool {
				if !remove(p) {
					return false
				}
				r.app.logf(levelInfo, "uninstalling '%s'", p.Name)
				return true
			})
			if len(work) == before {
				r.app.warnf("selector '%s' matched no installed derivations", w)
			}
		}
		return work
	})
}
