package hash

import "encoding/base64"

// nix32Chars is the alphabet of nix32: no e, o, t, u.
const nix32Chars = "0123456789abcdfghijklmnpqrsvwxyz"

// nix32Digits is the value of a character in nix32, 0xff if it has none.
var nix32Digits = func() (m [256]byte) {
	for i := range m {
		m[i] = 0xff
	}
	for i := range len(nix32Chars) {
		m[nix32Chars[i]] = byte(i)
	}
	return m
}()

// nix32Len is the number of nix32 characters that n bytes take.
func nix32Len(n int) int {
	if n == 0 {
		return 0
	}
	return (n*8-1)/5 + 1
}

// IsNix32 tells whether c is a character of nix32.
func IsNix32(c byte) bool { return nix32Digits[c] != 0xff }

// EncodeNix32 writes b as one number, little end first in b, most
// significant digit first in the text.
func EncodeNix32(b []byte) string {
	out := make([]byte, 0, 104)
	return string(AppendNix32(out, b))
}

// AppendNix32 is [EncodeNix32] that appends to dst.
func AppendNix32(dst, b []byte) []byte {
	for n := nix32Len(len(b)) - 1; n >= 0; n-- {
		i, j := n*5/8, uint(n*5%8)
		c := b[i] >> j
		if i+1 < len(b) {
			c |= b[i+1] << (8 - j)
		}
		dst = append(dst, nix32Chars[c&0x1f])
	}
	return dst
}

// DecodeNix32 reads what EncodeNix32 wrote. A text whose number needs a byte
// more than its length promises yields that byte too, as in the reference;
// the caller compares the length with what it expects.
func DecodeNix32(s string) ([]byte, error) {
	out := make([]byte, 0, len(s)*5/8+1)
	for n := range len(s) {
		c := s[len(s)-n-1]
		digit := nix32Digits[c]
		if digit == 0xff {
			return nil, invalidf("invalid character in Nix32 (Nix's Base32 variation) string: '%c'", c)
		}
		i, j := n*5/8, uint(n*5%8)
		for len(out) <= i {
			out = append(out, 0)
		}
		out[i] |= digit << j
		if carry := digit >> (8 - j); carry != 0 {
			if len(out) <= i+1 {
				out = append(out, 0)
			}
			out[i+1] |= carry
		}
	}
	return out, nil
}

func encodeBase64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// base64Digits is the value of a character in base 64, 0xff if it has none.
var base64Digits = func() (m [256]byte) {
	const chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range m {
		m[i] = 0xff
	}
	for i := range len(chars) {
		m[chars[i]] = byte(i)
	}
	return m
}()

// DecodeBase64 reads base 64 as leniently as the reference: newlines are
// skipped, the first "=" ends the text, padding may be missing.
func DecodeBase64(s string) ([]byte, error) {
	out := make([]byte, 0, (len(s)+2)/4*3)
	var d, bits uint
	for i := range len(s) {
		c := s[i]
		if c == '=' {
			break
		}
		if c == '\n' {
			continue
		}
		digit := base64Digits[c]
		if digit == 0xff {
			return nil, invalidf("invalid character in Base64 string: '%c'", c)
		}
		bits += 6
		d = d<<6 | uint(digit)
		if bits >= 8 {
			out = append(out, byte(d>>(bits-8)))
			bits -= 8
		}
	}
	return out, nil
}
