package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gradientlearning/cola/protocol"
)

// Identity is a participant's side, kept in a directory:
//
//	identity.key      its key, made here; it never leaves
//	certificate.crt   what the authority made of it
//	authority.crt     the authority, pinned
//	joined.json       where it joined
//
// Its methods are for one goroutine at a time.
type Identity struct {
	dir       string
	clock     func() time.Time
	name      string
	key       ed25519.PrivateKey
	cert      *x509.Certificate // nil until enrolled
	authority *x509.Certificate // nil until enrolled
	joined    joined
}

// joined is written last when joining: the files beside it count only with it.
type joined struct {
	Addr   string `json:"addr"`
	Token  string `json:"token_sha256"`
	Gossip string `json:"gossip,omitempty"`
}

const (
	identityKeyFile   = "identity.key"
	certificateFile   = "certificate.crt"
	authorityCertFile = "authority.crt"
	joinedFile        = "joined.json"
)

// OpenIdentity opens the identity in dir, or makes a key where there is none. The name
// may be empty: it is then the one that the identity was enrolled under or, before
// that, the one in the join line. Another name than the enrolled one is a fault.
func OpenIdentity(dir, name string, opts ...Option) (*Identity, error) {
	if name != "" {
		if err := checkName(name); err != nil {
			return nil, nameFault(err)
		}
	}
	i := &Identity{dir: dir, clock: collect(opts).clock, name: name}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	if err := i.openKey(); err != nil {
		return nil, err
	}
	if err := i.openCertificate(); err != nil {
		return nil, err
	}
	return i, nil
}

func (i *Identity) path(file string) string { return filepath.Join(i.dir, file) }

func (i *Identity) fix() string {
	return fmt.Sprintf("restore %s from a backup; without one, move it away, have the name forgotten on the coordinator (cola forget) "+
		"and join with a new join line (cola invite)", i.dir)
}

// openKey reads the key or, in a folder that has not joined anything, makes it.
func (i *Identity) openKey() error {
	path := i.path(identityKeyFile)
	var err error
	if exists(path) || exists(i.path(joinedFile)) {
		i.key, err = readKey(path, i.fix())
		return err
	}
	if _, i.key, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return fmt.Errorf("make the participant's key: %w", err)
	}
	data, err := encodeKey(i.key)
	if err != nil {
		return err
	}
	return writeFile(path, data)
}

func (i *Identity) openCertificate() error {
	fix := fmt.Sprintf("remove %s and join again with a new join line (cola invite): the key is kept", i.path(joinedFile))
	var j joined
	found, err := readRecord(i.path(joinedFile), fix, &j)
	if err != nil || !found {
		return err
	}
	cert, err := readCertificate(i.path(certificateFile), fix)
	if err != nil {
		return err
	}
	authority, err := readCertificate(i.path(authorityCertFile), fix)
	if err != nil {
		return err
	}
	if err := i.checkOwn(cert, authority); err != nil {
		return corrupt(i.path(certificateFile), fix, err)
	}
	if enrolled := cert.Subject.CommonName; i.name != "" && i.name != enrolled {
		return protocol.Faultf(protocol.CodeNameMismatch,
			fmt.Sprintf("run as %s, or give %s a state folder of its own", enrolled, i.name),
			"the state folder %s joined as %s, not as %s", i.dir, enrolled, i.name)
	}
	i.name, i.cert, i.authority, i.joined = cert.Subject.CommonName, cert, authority, j
	return nil
}

// checkOwn checks that the authority made cert of this identity's key.
func (i *Identity) checkOwn(cert, authority *x509.Certificate) error {
	if !i.key.Public().(ed25519.PublicKey).Equal(cert.PublicKey) {
		return errors.New("it does not belong to the key beside it")
	}
	if err := cert.CheckSignatureFrom(authority); err != nil {
		return fmt.Errorf("it does not belong to the authority beside it: %w", err)
	}
	return nil
}

// Name returns the participant's name; "" if none is known yet.
func (i *Identity) Name() string { return i.name }

// Enrolled reports whether there is a certificate that is valid today.
func (i *Identity) Enrolled() bool {
	return i.cert != nil && i.checkValid() == nil
}

func (i *Identity) checkValid() error {
	return checkDates(i.cert, i.clock(), "the certificate of "+i.name, fixNewLine)
}

// Joined returns what the identity joined, without the token, which is spent; the
// zero Join before that. With it a participant comes back without its join line.
func (i *Identity) Joined() Join {
	if i.cert == nil {
		return Join{}
	}
	return Join{Addr: i.joined.Addr, Authority: fingerprint(i.authority.Raw), Name: i.name, Gossip: i.joined.Gossip}
}
