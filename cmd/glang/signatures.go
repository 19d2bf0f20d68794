package main

import (
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/store"
)

// enoughSignatures stands for the trust in a path whose name follows from its contents.
const enoughSignatures = 1 << 20

// signatures counts the good signatures of a path, by different keys.
func (a *app) signatures(info *store.PathInfo, substituters []string) int {
	if !info.CA.IsZero() {
		return enoughSignatures
	}
	text, err := info.Fingerprint(a.session.Scheme)
	if err != nil {
		return 0
	}
	sigs := append([]string(nil), info.Sigs...)
	for _, uri := range substituters {
		s, err := local.Open(a.settings, a.dirs, a.env, uri, a.storeLog)
		if err != nil {
			a.printError(err)
			continue
		}
		if other, err := s.API.PathInfo(info.Path); err == nil {
			if !other.CA.IsZero() {
				return enoughSignatures
			}
			sigs = append(sigs, other.Sigs...)
		}
		s.Close()
	}
	return local.CountSignatures(a.settings.Words("trusted-public-keys"), a.settings.Words("secret-key-files"), text, sigs)
}
