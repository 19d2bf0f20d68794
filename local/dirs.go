package local

import (
	"path"
	"path/filepath"
	"strings"
)

// Env looks environment variables up. Only cmd/glang reads the real one.
type Env struct {
	Lookup func(name string) (string, bool)
	// UID is the effective user.
	UID int
	// Cwd is the working directory.
	Cwd string
}

// Get returns a variable, or "" if it is not set.
func (e Env) Get(name string) string {
	v, _ := e.Lookup(name)
	return v
}

func (e Env) or(name, fallback string) string {
	if v := e.Get(name); v != "" {
		return path.Clean(v)
	}
	return fallback
}

// Dirs are the folders that configuration and environment lead to.
type Dirs struct {
	// Tool says that the scheme is nix and the NIX_ variables count.
	Tool bool
	// StoreDir is the logical store directory; under the native scheme it is
	// empty until a store has been chosen.
	StoreDir string
	// StateDir and LogDir belong to the store; empty under the native scheme.
	StateDir, LogDir string
	ConfFile         string
	UserConfFiles    []string
	ConfVariable     string
	Home             string
	// Config, Data, State and Cache are the user's folders of this program.
	Config, Data, State, Cache string
}

// FindDirs computes the folders. tool chooses between those of the
// reference and those of glang.
func FindDirs(env Env, tool bool) *Dirs {
	d := &Dirs{Tool: tool, Home: env.Get("HOME")}
	name, prefix := "glang", "GLANG"
	if tool {
		name, prefix = "nix", "NIX"
	}
	user := func(variable, xdg, fallback string) string {
		if v := env.Get(prefix + "_" + variable + "_HOME"); v != "" {
			return v
		}
		if v := env.Get(xdg); v != "" {
			return filepath.Join(v, name)
		}
		return filepath.Join(d.Home, fallback, name)
	}
	d.Config = user("CONFIG", "XDG_CONFIG_HOME", ".config")
	d.Data = user("DATA", "XDG_DATA_HOME", ".local/share")
	d.State = user("STATE", "XDG_STATE_HOME", ".local/state")
	d.Cache = user("CACHE", "XDG_CACHE_HOME", ".cache")
	d.ConfVariable = prefix + "_CONFIG"
	d.ConfFile = filepath.Join(env.or(prefix+"_CONF_DIR", "/etc/"+name), name+".conf")
	if files, ok := env.Lookup(prefix + "_USER_CONF_FILES"); ok {
		for _, f := range strings.Split(files, ":") {
			if f != "" {
				d.UserConfFiles = append(d.UserConfFiles, f)
			}
		}
	} else {
		d.UserConfFiles = append(d.UserConfFiles, filepath.Join(d.Config, name+".conf"))
		dirs := env.Get("XDG_CONFIG_DIRS")
		if dirs == "" {
			dirs = "/etc/xdg"
		}
		for _, c := range strings.Split(dirs, ":") {
			if c != "" {
				d.UserConfFiles = append(d.UserConfFiles, filepath.Join(c, name, name+".conf"))
			}
		}
	}
	if tool {
		d.StoreDir = env.or("NIX_STORE_DIR", env.or("NIX_STORE", "/nix/store"))
		d.StateDir = env.or("NIX_STATE_DIR", "/nix/var/nix")
		d.LogDir = env.or("NIX_LOG_DIR", "/nix/var/log/nix")
	}
	return d
}
