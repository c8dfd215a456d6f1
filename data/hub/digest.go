package hub

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"regexp"
	"strings"
)

var digestForm = regexp.MustCompile(`^([0-9a-f]{64}|[0-9a-f]{40})$`)

// parseDigest returns the digest in an ETag: W/"…" and "…" are the forms it has. 64
// hexadecimal digits are the SHA-256 of a file, 40 are Git's SHA-1 of it.
func parseDigest(tag string) (string, bool) {
	digest := strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
	return digest, digestForm.MatchString(digest)
}

// verify fails with [ErrCorrupt] where a file does not have the digest.
func verify(path, digest string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var h hash.Hash
	if len(digest) == 2*sha256.Size {
		h = sha256.New()
	} else {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		h = sha1.New() // as Git names its objects; found in the cache's file names, too
		fmt.Fprintf(h, "blob %d\x00", info.Size())
	}
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != digest {
		return fmt.Errorf("%w: the digest is %s, announced was %s", ErrCorrupt, got, digest)
	}
	return nil
}
