package identity

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gradientlearning/cola/protocol"
)

const (
	pemKey         = "PRIVATE KEY"
	pemCertificate = "CERTIFICATE"
)

// makeDir makes dir, readable by its owner alone.
func makeDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.Chmod(dir, 0o700) // it may have been there, open to others
	}
	if err != nil {
		return unwritable(dir, err)
	}
	return nil
}

// writeFile replaces path in one step: after a crash it holds the old bytes or the
// new ones, and after a return the new ones.
func writeFile(path string, data []byte) error {
	return place(path, data, os.Rename)
}

// createFile is writeFile for a file that must not be there yet: of several callers,
// in whatever process, one succeeds and the others get [fs.ErrExist].
func createFile(path string, data []byte) error {
	return place(path, data, os.Link)
}

func place(path string, data []byte, put func(from, to string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".tmp-*") // mode 0600
	if err != nil {
		return unwritable(path, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already where put renamed it
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = put(f.Name(), path)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return unwritable(path, err)
	}
	return nil
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be opened for syncing there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

// remove removes path, which need not be there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritable(path, err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// readKey reads a private key and refuses one that others may read. fix says what to
// do when the file is gone or not a key.
func readKey(path, fix string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, fix, err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, protocol.Faultf(protocol.CodeStateCorrupt,
			fmt.Sprintf("if nobody else has read it: chmod 600 %s; otherwise %s", path, fix),
			"the key file %s can be read by others (mode %04o)", path, info.Mode().Perm())
	}
	der, err := readPEM(path, pemKey, fix)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, corrupt(path, fix, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, corrupt(path, fix, fmt.Errorf("the key is not Ed25519 but %T", parsed))
	}
	return key, nil
}

func readCertificate(path, fix string) (*x509.Certificate, error) {
	der, err := readPEM(path, pemCertificate, fix)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, corrupt(path, fix, err)
	}
	return cert, nil
}

func readPEM(path, kind, fix string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(path, fix, err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		return nil, corrupt(path, fix, fmt.Errorf("there is no PEM block %q in it", kind))
	}
	return block.Bytes, nil
}

func encodeKey(key ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}), nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der})
}

// readRecord reads the JSON file at path into v; found is false where there is none.
func readRecord(path, fix string, v any) (found bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, unreadable(path, fix, err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return false, corrupt(path, fix, err)
	}
	return true, nil
}

// encodeRecord is JSON with a newline, as people like to read it.
func encodeRecord(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return append(data, '\n'), nil
}

func unwritable(path string, err error) error {
	return protocol.Faultf(protocol.CodeDiskFull,
		"free space on the disk or make the place writable for this user, then start again",
		"cannot write %s: %w", path, err)
}

func unreadable(path, fix string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return protocol.Faultf(protocol.CodeStateLost, fix, "%s is gone: %w", path, err)
	}
	return corrupt(path, fix, err)
}

func corrupt(path, fix string, err error) error {
	return protocol.Faultf(protocol.CodeStateCorrupt, fix, "%s cannot be used: %w", path, err)
}
