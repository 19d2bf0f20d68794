package realise

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// A program of a store that lies elsewhere than its paths say (a chroot store)
// runs in mount and user namespaces of its own, in which the store is where it
// says. This process cannot enter them, for it has several threads: it starts
// itself anew in them (Init), and waits.

const chrootName = "__run_in_chroot"

// RunInStore runs a program, found in PATH, with the store's directory where
// its paths say, and returns its exit status.
func RunInStore(storeDir, realDir string, argv, env []string) (status int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	// What the root is put together in, if there is no place for the store.
	root, err := os.MkdirTemp("", "nix-root-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(root)
	uid, gid := os.Getuid(), os.Getgid()
	c := exec.Command(self)
	c.Args = append([]string{chrootName, storeDir, realDir, root}, argv...)
	c.Env = env
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}},
		// Kept over the start of this program, dropped before the one to run.
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT},
	}
	// The terminal sends these to both; the program decides what they mean.
	signal.Ignore(syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Reset(syscall.SIGINT, syscall.SIGQUIT)
	if err := c.Start(); err != nil {
		return 0, fmt.Errorf("setting up a private mount namespace: %w", err)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(end)
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case s := <-end:
				_ = c.Process.Signal(s)
			case <-done:
				return
			}
		}
	}()
	err = c.Wait()
	if ws, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok {
		if ws.Signaled() {
			return 128 + int(ws.Signal()), nil
		}
		return ws.ExitStatus(), nil
	}
	return 0, err
}

// enterStore is the inside of RunInStore.
func enterStore(args []string) error {
	if len(args) < 4 {
		return fmt.Errorf("%s is started by this program alone", chrootName)
	}
	storeDir, realDir, root, argv := args[0], args[1], args[2], args[3:]
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("unable to make '/' private: %w", err)
	}
	if _, err := os.Stat(storeDir); err == nil {
		lower := fmt.Sprintf("lowerdir=%s:%s", storeDir, realDir)
		if unix.Mount("overlay", storeDir, "overlay", 0, lower) != nil {
			if err := unix.Mount(realDir, storeDir, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("mounting '%s' on '%s': %w", realDir, storeDir, err)
			}
		}
	} else if err := makeRoot(storeDir, realDir, root); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return fmt.Errorf("unable to execute '%s': %w", argv[0], err)
	}
	err = syscall.Exec(program, argv, os.Environ())
	return fmt.Errorf("unable to execute '%s': %w", program, err)
}

// makeRoot puts a root together that has the store and what '/' has, and goes there.
func makeRoot(storeDir, realDir, root string) error {
	if err := unix.Mount("tmpfs", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mounting a new root: %w", err)
	}
	if err := os.MkdirAll(root+storeDir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(realDir, root+storeDir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting '%s' on '%s': %w", realDir, storeDir, err)
	}
	entries, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	for _, e := range entries {
		from, to := "/"+e.Name(), filepath.Join(root, e.Name())
		if _, err := os.Lstat(to); err == nil {
			continue // it holds the store
		}
		switch {
		case e.IsDir():
			if err := os.Mkdir(to, 0o700); err != nil {
				return err
			}
			if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
				return fmt.Errorf("mounting '%s': %w", from, err)
			}
		case e.Type()&os.ModeSymlink != 0:
			target, err := os.Readlink(from)
			if err == nil {
				err = os.Symlink(target, to)
			}
			if err != nil {
				return err
			}
		}
	}
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := unix.Chroot(root); err != nil {
		return fmt.Errorf("chrooting into '%s': %w", root, err)
	}
	if err := os.Chdir(cwd); err != nil {
		return fmt.Errorf("chdir to '%s' in chroot: %w", cwd, err)
	}
	return nil
}
