package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Authority is a job's private certificate authority, kept in a directory:
//
//	ca/ca.key, ca/ca.crt       its key and certificate
//	tokens/HASH.json           invitations, by the SHA-256 of their token
//	tokens/HASH.used.json      the key that redeemed one
//	enrolled/NAME.json         the key that a name belongs to
//	gossip.key                 the gossip pool's secret, once asked for
//
// Several processes may have it open: an invitation made by one is honoured by the
// others. Its methods are safe for concurrent use.
type Authority struct {
	dir      string
	clock    func() time.Time
	validity time.Duration
	key      ed25519.PrivateKey
	cert     *x509.Certificate

	mu sync.Mutex // one redemption at a time; guards coordinator
	// coordinator is the certificate that this process listens with. It and its key
	// live in memory only: participants trust the authority, so that each start may
	// have a new one.
	coordinator *tls.Certificate
}

const (
	caDir       = "ca"
	caKeyFile   = "ca.key"
	caCertFile  = "ca.crt"
	tokensDir   = "tokens"
	enrolledDir = "enrolled"
	gossipFile  = "gossip.key"
)

// OpenAuthority opens the authority in dir, or makes one that is valid for ten years
// where there is none. A key or certificate that cannot be used is a fault that names
// the file; an authority that others depend on is never silently replaced.
func OpenAuthority(dir string, opts ...Option) (*Authority, error) {
	o := collect(opts)
	a := &Authority{dir: dir, clock: o.clock, validity: o.validity}
	for _, d := range []string{dir, a.path(tokensDir), a.path(enrolledDir)} {
		if err := makeDir(d); err != nil {
			return nil, err
		}
	}
	if !exists(a.path(caDir)) {
		if err := a.create(); err != nil {
			return nil, err
		}
	}
	if err := a.load(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Authority) path(parts ...string) string {
	return filepath.Join(append([]string{a.dir}, parts...)...)
}

func (a *Authority) fix() string {
	return fmt.Sprintf("restore the folder %s from a backup; without one, move %s away to begin with a new authority, "+
		"which every participant has to join again", a.path(caDir), a.dir)
}

// create makes key and certificate in a folder aside and renames it into place: a
// crash leaves both or none, and of several processes one wins.
func (a *Authority) create() error {
	for _, d := range []string{tokensDir, enrolledDir} {
		entries, err := os.ReadDir(a.path(d))
		if err != nil {
			return unreadable(a.path(d), a.fix(), err)
		}
		if len(entries) > 0 && !exists(a.path(caDir)) {
			return unreadable(a.path(caDir), a.fix(), fs.ErrNotExist)
		}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make the authority's key: %w", err)
	}
	der, err := newAuthorityCertificate(key, a.clock())
	if err != nil {
		return err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return err
	}
	aside, err := os.MkdirTemp(a.dir, ".ca-*") // mode 0700
	if err != nil {
		return unwritable(a.dir, err)
	}
	defer func() { _ = os.RemoveAll(aside) }() // gone already where it was renamed
	if err := writeFile(filepath.Join(aside, caKeyFile), keyPEM); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(aside, caCertFile), encodeCertificate(der)); err != nil {
		return err
	}
	if err := os.Rename(aside, a.path(caDir)); err != nil {
		if exists(a.path(caDir)) {
			return nil // another process was first: load its authority
		}
		return unwritable(a.path(caDir), err)
	}
	if err := syncDir(a.dir); err != nil {
		return unwritable(a.dir, err)
	}
	return nil
}

func (a *Authority) load() error {
	var err error
	if a.key, err = readKey(a.path(caDir, caKeyFile), a.fix()); err != nil {
		return err
	}
	certPath := a.path(caDir, caCertFile)
	if a.cert, err = readCertificate(certPath, a.fix()); err != nil {
		return err
	}
	if !a.key.Public().(ed25519.PublicKey).Equal(a.cert.PublicKey) || !a.cert.IsCA {
		return corrupt(certPath, a.fix(), errors.New("it does not belong to the key beside it"))
	}
	return checkDates(a.cert, a.clock(), "the authority in "+a.dir,
		fmt.Sprintf("move %s away to begin with a new authority, which every participant has to join again", a.dir))
}

// Fingerprint is the hex SHA-256 of the authority's certificate: by it participants
// recognise the coordinator the first time.
func (a *Authority) Fingerprint() string { return fingerprint(a.cert.Raw) }

// GossipSecret returns the secret that the gossip pool's key is derived from, made at
// the first call and kept. It goes into join lines ([Join].Gossip) and to package
// membership; it proves nothing about who holds it.
func (a *Authority) GossipSecret() (string, error) {
	path := a.path(gossipFile)
	if err := createFile(path, []byte(newSecret()+"\n")); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	fix := fmt.Sprintf("remove %s: a new one is made, and participants that gossip join with a new line", path)
	data, err := os.ReadFile(path)
	if err != nil {
		return "", unreadable(path, fix, err)
	}
	secret, err := parseSecret(strings.TrimSpace(string(data)))
	if err != nil {
		return "", corrupt(path, fix, err)
	}
	return secret, nil
}

// coordinatorCertificate returns the certificate to listen with, a new one once two
// thirds of the last one's life are over. The authority's own follows in the chain, so
// that a participant which knows only a fingerprint can pin it.
func (a *Authority) coordinatorCertificate() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.coordinator; c != nil && a.clock().Before(c.Leaf.NotBefore.Add(coordinatorValidity*2/3)) {
		return c, nil
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the coordinator's key: %w", err)
	}
	der, err := a.issue("coordinator", []string{coordinatorName}, x509.ExtKeyUsageServerAuth, public, coordinatorValidity)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back the coordinator's certificate: %w", err)
	}
	a.coordinator = &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
	return a.coordinator, nil
}
