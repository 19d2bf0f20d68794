package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// UserProfiles are the places of a user's profiles under the nix scheme.
type UserProfiles struct {
	Dirs *Dirs
	// UID is the user; root's profiles are the system's.
	UID int
	// XDG says that links are kept in the state folder instead of the home
	// folder (setting use-xdg-base-directories).
	XDG bool
}

// Dir is the folder of the profiles.
func (u UserProfiles) Dir() string {
	if u.UID == 0 {
		return filepath.Join(u.Dirs.StateDir, "profiles", "per-user", "root")
	}
	return filepath.Join(u.Dirs.State, "profiles")
}

// Link is the user's link to the profile.
func (u UserProfiles) Link() string {
	if u.XDG {
		return filepath.Join(u.Dirs.State, "profile")
	}
	return filepath.Join(u.Dirs.Home, ".nix-profile")
}

// Default is the user's profile: what [UserProfiles.Link] points to, which is made if there is
// none. Where nothing can be made, it is the link itself.
func (u UserProfiles) Default() string {
	link := u.Link()
	if os.MkdirAll(u.Dir(), 0o755) != nil {
		return link
	}
	prof := filepath.Join(u.Dir(), "profile")
	if _, err := os.Lstat(link); errors.Is(err, fs.ErrNotExist) {
		_ = os.MkdirAll(filepath.Dir(link), 0o755)
		if err := os.Symlink(prof, link); err != nil {
			return link
		}
	}
	if u.UID == 0 {
		global := filepath.Join(u.Dirs.StateDir, "profiles", "default")
		if _, err := os.Lstat(global); errors.Is(err, fs.ErrNotExist) {
			_ = os.Symlink(prof, global)
		}
	}
	target, err := os.Readlink(link)
	if err != nil {
		return link
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(link), target)
	}
	return target
}

// Expressions is the folder of the user's expressions; it is made, with links
// to the channels, if there is none.
func (u UserProfiles) Expressions() string {
	dir := filepath.Join(u.Dirs.Home, ".nix-defexpr")
	if u.XDG {
		dir = filepath.Join(u.Dirs.State, "defexpr")
	}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		if os.MkdirAll(dir, 0o755) == nil {
			_ = os.Symlink(filepath.Join(u.Dir(), "channels"), filepath.Join(dir, "channels"))
			if u.UID != 0 {
				_ = os.Symlink(filepath.Join(u.Dirs.StateDir, "profiles", "per-user", "root", "channels"), filepath.Join(dir, "channels_root"))
			}
		}
	}
	return dir
}
