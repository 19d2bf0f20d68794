package hash

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// abc has the digests of "abc" in each format, as the reference prints them.
var abc = []struct {
	algo                       Algo
	base16, nix32, base64, sri string
}{
	{MD5, "900150983cd24fb0d6963f7d28e17f72", "3jgzhjhz9zjvbb0kyj7jc500ch", "kAFQmDzST7DWlj99KOF/cg==", "md5-kAFQmDzST7DWlj99KOF/cg=="},
	{SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d", "kpcd173cq987hw957sx6m0868wv3x6d9", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", "sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0="},
	{SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="},
	{SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f", "2gs8k559z4rlahfx0y688s49m2vvszylcikrfinm30ly9rak69236nkam5ydvly1ai7xac99vxfc4ii84hawjbk876blyk1jfhkbbyx", "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==", "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="},
	{BLAKE3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85", "11cxppanr71mzl1xnyax8rccaj5milx2fx9vnvzk6la672nb6dv4", "ZDezrDhGUTP/tjt1JzqNtUjFWEZdedsD/TWcbNW9nYU=", "blake3-ZDezrDhGUTP/tjt1JzqNtUjFWEZdedsD/TWcbNW9nYU="},
}

func TestFormats(t *testing.T) {
	for _, c := range abc {
		h := SumString(c.algo, "abc")
		hr := New(c.algo)
		hr.Write([]byte("a"))
		hr.Write([]byte("bc"))
		if hr.Sum() != h || hr.Size() != 3 {
			t.Errorf("%s: Hasher got %s of %d bytes, Sum %s", c.algo, hr.Sum(), hr.Size(), h)
		}
		got := []string{h.Base16(), h.Nix32(), h.Base64(), h.SRI()}
		if diff := cmp.Diff([]string{c.base16, c.nix32, c.base64, c.sri}, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.algo, diff)
		}
		for f := Base16; f <= SRI; f++ {
			back, format, err := ParseAnyFormat(h.Prefixed(f), 0)
			if err != nil || back != h || format != f {
				t.Errorf("ParseAnyFormat(%s) = %s, %s, %v", h.Prefixed(f), back, format, err)
			}
			if back, err := ParseAny(h.Format(f), c.algo); err != nil || back != h {
				t.Errorf("ParseAny(%s, %s) = %s, %v", h.Format(f), c.algo, back, err)
			}
			if back, err := ParseFormatted(h.Format(f), c.algo, f); err != nil || back != h {
				t.Errorf("ParseFormatted(%s, %s, %s) = %s, %v", h.Format(f), c.algo, f, back, err)
			}
		}
		if back, err := FromBytes(c.algo, h.Bytes()); err != nil || back != h {
			t.Errorf("FromBytes = %s, %v", back, err)
		}
		if len(h.Bytes()) != c.algo.Size() {
			t.Errorf("%s: %d bytes", c.algo, len(h.Bytes()))
		}
	}
}

func TestParseErrors(t *testing.T) {
	md5 := "md5:900150983cd24fb0d6963f7d28e17f72"
	for _, c := range []struct {
		in   string
		algo Algo
		want string
	}{
		{"sha256:zz", 0, "hash 'zz' has wrong length for hash algorithm 'sha256'"},
		{"sha257:aa", 0, "unknown hash algorithm 'sha257', expect 'blake3', 'md5', 'sha1', 'sha256', or 'sha512'"},
		{"sha256-AAAA", 0, "invalid SRI hash 'AAAA', length 3 != expected length 32"},
		{"abc", 0, "hash 'abc' does not include a type, nor is the type otherwise known from context"},
		{"0ea0000", SHA256, "hash '0ea0000' has wrong length for hash algorithm 'sha256'"},
		{md5, SHA256, "hash '" + md5 + "' should have type 'sha256'"},
		{"sha256:e" + strings.Repeat("0", 61) + "zz", 0, "invalid base16 hash 'e" + strings.Repeat("0", 61) + "zz', length 0 != expected length 32"},
		{"sha256:" + strings.Repeat("0", 49) + "e00", 0, "invalid nix32 hash '" + strings.Repeat("0", 49) + "e00', length 0 != expected length 32"},
		{"sha256:" + strings.Repeat("A", 43) + "!", 0, "invalid Base64 hash '" + strings.Repeat("A", 43) + "!', length 0 != expected length 32"},
		{"sha256:" + strings.Repeat("z", 52), 0, "invalid nix32 hash '" + strings.Repeat("z", 52) + "', length 33 != expected length 32"},
	} {
		h, err := ParseAny(c.in, c.algo)
		if err == nil || err.Error() != c.want || !errors.Is(err, ErrInvalid) {
			t.Errorf("ParseAny(%s, %s) = %s, %v; want %s", c.in, c.algo, h, err, c.want)
		}
	}
	if _, err := ParsePrefixed("abc"); err == nil || err.Error() != "hash 'abc' does not include a type" {
		t.Error(err)
	}
	if _, err := ParseSRI("abc"); err == nil || err.Error() != "hash 'abc' is not SRI" {
		t.Error(err)
	}
	if _, _, err := ParseFormat("base"); !errors.Is(err, ErrUsage) {
		t.Error(err)
	}
}

func TestCompress(t *testing.T) {
	h := SumString(SHA256, "abc")
	want := make([]byte, 20)
	for i, b := range h.Bytes() {
		want[i%20] ^= b
	}
	if got := Compress(h, 20); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestZero(t *testing.T) {
	var h Hash
	if !h.IsZero() || h.Algo() != 0 || len(h.Bytes()) != 0 {
		t.Errorf("zero hash is %v", h)
	}
	if SumString(SHA256, "").IsZero() {
		t.Error("the hash of nothing is no hash")
	}
	if _, err := FromBytes(SHA256, make([]byte, 31)); err == nil {
		t.Error("31 bytes made a hash")
	}
}

// Sum is on the way of every store path.
func TestAllocations(t *testing.T) {
	b := []byte("some text that is hashed")
	for _, a := range []Algo{SHA256, SHA512} {
		if n := testing.AllocsPerRun(100, func() { _ = Sum(a, b) }); n > 0 {
			t.Errorf("Sum(%s) allocates %v times", a, n)
		}
	}
}

func FuzzNix32(f *testing.F) {
	f.Add([]byte("abc"))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 20))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := EncodeNix32(b)
		back, err := DecodeNix32(s)
		if err != nil {
			t.Fatal(err)
		}
		// The encoding leaves out no byte; decoding may add one of zeros.
		if !bytes.Equal(b, back[:len(b)]) || len(bytes.Trim(back[len(b):], "\x00")) > 0 {
			t.Errorf("%x became %s became %x", b, s, back)
		}
	})
}

func FuzzParseAny(f *testing.F) {
	for _, c := range abc {
		f.Add(c.sri)
		f.Add(c.algo.String() + ":" + c.base16)
		f.Add(c.algo.String() + ":" + c.nix32)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseAny(s, 0)
		if err != nil {
			return
		}
		if back, err := ParseAny(h.String(), 0); err != nil || back != h {
			t.Errorf("%q is %s, which is %s, %v", s, h, back, err)
		}
	})
}
