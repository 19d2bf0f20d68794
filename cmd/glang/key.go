package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/local"
)

func (a *app) keyCommand() *cobra.Command {
	return a.family(groupUtility, "key", "make and convert keys for signing", a.keyGenerate(), a.keyConvert())
}

func (a *app) keyGenerate() *cobra.Command {
	return a.command("", "generate-secret --key-name NAME", "make a secret key", "", func(f *flagSet) func() error {
		var name string
		f.text(&name, "key-name", "name", "the key's name, cache.example.org-1 say")
		return func() error {
			if name == "" {
				return usagef("required argument '--key-name' is missing")
			}
			key, err := local.GenerateKey(name)
			if err == nil {
				a.print(key)
			}
			return err
		}
	})
}

func (a *app) keyConvert() *cobra.Command {
	return a.command("", "convert-secret-to-public", "print the public key of the secret one on standard input", "",
		func(f *flagSet) func() error {
			return func() error {
				text, err := io.ReadAll(a.stdin)
				if err != nil {
					return err
				}
				key, err := local.PublicKey(string(text))
				if err == nil {
					a.print(key)
				}
				return err
			}
		})
}

// generateKey makes a key pair in two files.
func (a *app) generateKey(name, secretFile, publicFile string) error {
	secret, err := local.GenerateKey(name)
	if err != nil {
		return err
	}
	public, err := local.PublicKey(secret)
	if err != nil {
		return err
	}
	if err := os.WriteFile(publicFile, []byte(public), 0o666); err != nil {
		return err
	}
	return os.WriteFile(secretFile, []byte(secret), 0o600)
}
