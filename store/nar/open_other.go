//go:build !unix

package nar

import "os"

// osRegular dumps a file of the machine that was seen to be regular.
func (d *dumper) osRegular(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	return d.contents(name, f, fi.Mode()&0o100 != 0, fi.Size())
}
