package local

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/binarycache"
)

// A key for signing is written NAME:BASE64, the secret one with 64 bytes, of
// which the last 32 are the public one.

// GenerateKey makes a secret key.
func GenerateKey(name string) (string, error) {
	if name == "" || strings.Contains(name, ":") {
		return "", usagef("'%s' is not a name for a key", name)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	return name + ":" + base64.StdEncoding.EncodeToString(key), nil
}

// ParseSecretKey reads a secret key.
func ParseSecretKey(text string) (name string, key ed25519.PrivateKey, err error) {
	name, data, ok := strings.Cut(strings.TrimSpace(text), ":")
	if !ok || name == "" || data == "" {
		return "", nil, fmt.Errorf("key is corrupt")
	}
	b, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return "", nil, fmt.Errorf("key is corrupt: %w", err)
	}
	if len(b) != ed25519.PrivateKeySize {
		return "", nil, fmt.Errorf("secret key is not valid")
	}
	return name, ed25519.PrivateKey(b), nil
}

// PublicKey is the public key of a secret one.
func PublicKey(secret string) (string, error) {
	name, key, err := ParseSecretKey(secret)
	if err != nil {
		return "", err
	}
	return name + ":" + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)), nil
}

// Sign signs a text: NAME:BASE64.
func Sign(secret, text string) (string, error) {
	name, key, err := ParseSecretKey(secret)
	if err != nil {
		return "", err
	}
	return name + ":" + base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(text))), nil
}

// secretKeys are those to sign with what is built and what goes to caches.
func (s *Session) secretKeys() (keys []binarycache.SecretKey, err error) {
	for _, f := range s.Settings.Words("secret-key-files") {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("reading the key '%s': %w", f, err)
		}
		k, err := binarycache.ParseSecretKey(string(text))
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// signer signs what is built here; nil if there are no keys.
func (s *Session) signer() (func(*store.PathInfo) error, error) {
	keys, err := s.secretKeys()
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	return func(info *store.PathInfo) error {
		text, err := info.Fingerprint(s.Scheme)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if sig := k.Sign(text); !slices.Contains(info.Sigs, sig) {
				info.Sigs = append(info.Sigs, sig)
			}
		}
		return nil
	}, nil
}

// CountSignatures counts those of sigs that sign text with one of the keys:
// public ones, and those of files with secret ones. Each key counts once.
func CountSignatures(public, secretFiles []string, text string, sigs []string) int {
	keys := map[string]ed25519.PublicKey{}
	for _, k := range public {
		name, data, _ := strings.Cut(k, ":")
		if b, err := base64.StdEncoding.DecodeString(data); err == nil && len(b) == ed25519.PublicKeySize {
			keys[name] = b
		}
	}
	for _, f := range secretFiles {
		secret, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if name, key, err := ParseSecretKey(string(secret)); err == nil {
			keys[name] = key.Public().(ed25519.PublicKey)
		}
	}
	good := map[string]bool{}
	for _, s := range sigs {
		name, data, _ := strings.Cut(s, ":")
		b, err := base64.StdEncoding.DecodeString(data)
		if key := keys[name]; err == nil && key != nil && ed25519.Verify(key, []byte(text), b) {
			good[name] = true
		}
	}
	return len(good)
}
