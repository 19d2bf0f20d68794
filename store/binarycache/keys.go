package binarycache

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/seed192a40f6/glang/store/hash"
)

// SecretKey signs paths. Its text is "name:base64", the seed and the public
// key in the base 64.
type SecretKey struct {
	// Name tells whose key it is.
	Name string
	key  ed25519.PrivateKey
}

// GenerateKey makes a key.
func GenerateKey(name string) (SecretKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return SecretKey{name, key}, err
}

// ParseSecretKey reads a key; white space around it is ignored.
func ParseSecretKey(text string) (SecretKey, error) {
	// The text is kept out of the errors.
	name, key, err := parseNamed(strings.TrimSpace(text), "key")
	if err != nil {
		return SecretKey{}, err
	}
	if len(key) != ed25519.PrivateKeySize {
		return SecretKey{}, errors.New("secret key is not valid")
	}
	return SecretKey{name, ed25519.PrivateKey(key)}, nil
}

// Text is the key in the form that ParseSecretKey reads. It is no String
// method, lest a key be printed by mistake.
func (k SecretKey) Text() string { return k.Name + ":" + base64.StdEncoding.EncodeToString(k.key) }

// Public is the text of the public key, "name:base64".
func (k SecretKey) Public() string {
	return k.Name + ":" + base64.StdEncoding.EncodeToString(k.key.Public().(ed25519.PublicKey))
}

// Sign signs a text: "name:base64".
func (k SecretKey) Sign(text string) string {
	return k.Name + ":" + base64.StdEncoding.EncodeToString(ed25519.Sign(k.key, []byte(text)))
}

// PublicKeys are trusted keys by name.
type PublicKeys map[string]ed25519.PublicKey

// ParsePublicKeys reads keys in the form "name:base64".
func ParsePublicKeys(texts ...string) (PublicKeys, error) {
	keys := make(PublicKeys)
	for _, text := range texts {
		name, key, err := parseNamed(text, "key")
		if err != nil {
			return nil, fmt.Errorf("while decoding key '%s': %w", text, err)
		}
		if len(key) != ed25519.PublicKeySize {
			return nil, errors.New("public key is not valid")
		}
		keys[name] = ed25519.PublicKey(key)
	}
	return keys, nil
}

// Add trusts the public half of a secret key.
func (keys PublicKeys) Add(k SecretKey) { keys[k.Name] = k.key.Public().(ed25519.PublicKey) }

// Verify tells whether the signature is one of the text by a trusted key.
func (keys PublicKeys) Verify(text, signature string) bool {
	name, sig, err := parseSignature(signature)
	if err != nil {
		return false
	}
	key, ok := keys[name]
	return ok && ed25519.Verify(key, []byte(text), sig)
}

// Count counts the signatures that Verify accepts.
func (keys PublicKeys) Count(text string, signatures []string) int {
	n := 0
	for _, sig := range signatures {
		if keys.Verify(text, sig) {
			n++
		}
	}
	return n
}

func parseSignature(s string) (name string, sig []byte, err error) {
	return parseNamed(s, "signature")
}

// parseNamed reads "name:base64".
func parseNamed(s, what string) (name string, data []byte, err error) {
	name, text, ok := strings.Cut(s, ":")
	if ok {
		data, err = hash.DecodeBase64(text)
	}
	if !ok || name == "" || err != nil || len(data) == 0 {
		return "", nil, fmt.Errorf("%s is corrupt", what)
	}
	return name, data, nil
}
