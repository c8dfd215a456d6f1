package identity

import (
	"crypto/ed25519"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/gradientlearning/cola/protocol"
)

// enrolment binds a name to a key for as long as the file is there.
type enrolment struct {
	Participant string    `json:"participant"`
	Key         string    `json:"key_sha256"`
	Enrolled    time.Time `json:"enrolled"`
}

func (a *Authority) enrolmentPath(name string) string { return a.path(enrolledDir, name+".json") }

// enrolledKey returns the hash of the key that name belongs to; "" if to none.
func (a *Authority) enrolledKey(name string) (string, error) {
	path := a.enrolmentPath(name)
	fix := fmt.Sprintf("on the coordinator's machine remove %s and invite %s again", path, name)
	var e enrolment
	if _, err := readRecord(path, fix, &e); err != nil {
		return "", err
	}
	return e.Key, nil
}

// redeem exchanges a token and a certificate request for a certificate. What is
// granted is on disk before it is given out, so that a crash of either side at any
// instant leaves a request that can be repeated.
func (a *Authority) redeem(req *protocol.Enroll) (*protocol.Enrolled, error) {
	name := req.Participant
	public, err := checkRequest(req)
	if err != nil {
		return nil, err
	}
	key, err := keyHash(public)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	inv, err := a.findInvitation(req.Token)
	if err != nil {
		return nil, err
	}
	if inv.Participant != "" && inv.Participant != name {
		return nil, protocol.Faultf(protocol.CodeNameMismatch,
			"join under the name in the join line, or "+fixNewLine,
			"the join token is for another participant than %s", name)
	}
	if err := a.checkRedemption(inv, name, key); err != nil {
		return nil, err
	}
	if err := a.checkFree(name, key); err != nil {
		return nil, err // the token is kept: it is good under another name
	}
	if err := a.consume(inv, name, key); err != nil {
		return nil, err
	}
	if err := a.claim(name, key); err != nil {
		return nil, err
	}
	der, err := a.issue(name, nil, x509.ExtKeyUsageClientAuth, public, a.validity)
	if err != nil {
		return nil, err
	}
	return &protocol.Enrolled{Certificate: der, Authority: a.cert.Raw}, nil
}

// checkRequest returns the public key of a certificate request whose sender holds the
// private one and asks for the name that it says.
func checkRequest(req *protocol.Enroll) (ed25519.PublicKey, error) {
	const fix = "use the same version of cola on both machines"
	if err := checkName(req.Participant); err != nil {
		return nil, nameFault(err)
	}
	csr, err := x509.ParseCertificateRequest(req.Request)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, protocol.Faultf(protocol.CodeProtocol, fix, "the certificate request is not valid: %w", err)
	}
	public, ok := csr.PublicKey.(ed25519.PublicKey)
	if !ok || csr.Subject.CommonName != req.Participant {
		return nil, protocol.Faultf(protocol.CodeProtocol, fix, "the certificate request is not for an Ed25519 key under the participant's name")
	}
	return public, nil
}

func (a *Authority) checkFree(name, key string) error {
	owner, err := a.enrolledKey(name)
	if err != nil {
		return err
	}
	if owner != "" && subtle.ConstantTimeCompare([]byte(owner), []byte(key)) != 1 {
		return protocol.Faultf(protocol.CodeNameTaken,
			"join under another name, or from the state folder that joined as "+name+
				"; if that is lost, have the name forgotten on the coordinator (cola forget) and ask for a new join line",
			"the name %s belongs to another key", name)
	}
	return nil
}

// claim binds name to key, durably, unless it is bound already.
func (a *Authority) claim(name, key string) error {
	data, err := encodeRecord(enrolment{Participant: name, Key: key, Enrolled: a.clock().UTC()})
	if err != nil {
		return err
	}
	err = createFile(a.enrolmentPath(name), data)
	if errors.Is(err, fs.ErrExist) {
		return a.checkFree(name, key)
	}
	return err
}

// Forget takes name from the key that it is bound to, together with every invitation
// that was made for it or redeemed by it: the certificate is refused from the next
// connection on, and the name can be enrolled again. A connection that is open stays
// open. It is no error if the name is not enrolled.
func (a *Authority) Forget(name string) error {
	if err := checkName(name); err != nil {
		return nameFault(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.eachInvitation(func(inv invitation) error {
		var used redemption
		_, err := readRecord(a.redemptionPath(inv.Hash), fixNewLine, &used)
		if err != nil || inv.Participant == name || used.Participant == name {
			return a.dropInvitation(inv.Hash)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return remove(a.enrolmentPath(name))
}
