package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/gradientlearning/cola/protocol"
)

// coordinatorName is the DNS name in every coordinator's certificate: participants
// trust the authority, not the address that they happened to dial.
const coordinatorName = "coordinator.cola"

// fingerprint is the hex SHA-256 of a certificate's DER.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// keyHash is the hex SHA-256 of a public key's PKIX DER: what a name is bound to.
func keyHash(public any) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("hash a public key: %w", err)
	}
	return fingerprint(der), nil
}

// newAuthorityCertificate returns the self-signed certificate of key. Its path length
// of 0 forbids authorities below it.
func newAuthorityCertificate(key ed25519.PrivateKey, now time.Time) ([]byte, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "cola job authority"},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(authorityValidity),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	return der, nil
}

// issue signs a leaf certificate for public; it never outlives the authority.
func (a *Authority) issue(name string, dns []string, usage x509.ExtKeyUsage, public any, validity time.Duration) ([]byte, error) {
	now := a.clock()
	until := now.Add(validity)
	if until.After(a.cert.NotAfter) {
		until = a.cert.NotAfter
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              dns,
		NotBefore:             now.Add(-backdate),
		NotAfter:              until,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{usage},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate for %s: %w", name, err)
	}
	return der, nil
}

// checkDates returns a fault when cert, said to be whose, is not valid at now. fix
// says what to do once it has expired.
func checkDates(cert *x509.Certificate, now time.Time, whose, fix string) error {
	if now.After(cert.NotAfter) {
		return protocol.Faultf(protocol.CodeCertificateExpired, fix,
			"%s expired on %s", whose, cert.NotAfter.Format(time.RFC3339))
	}
	if now.Before(cert.NotBefore) {
		return protocol.Faultf(protocol.CodeCertificateExpired,
			"set the clocks of both machines right and try again",
			"%s is not valid before %s, and it is only %s", whose,
			cert.NotBefore.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

const fixNewLine = "ask whoever runs the coordinator for a new join line (cola invite) and join with it"

// checkParticipant returns the name that an authenticated peer's certificate speaks
// for, or the fault that tells its participant how to get a good one. The signature is
// checked before the dates, so that a stranger's expired certificate is a stranger's.
func (a *Authority) checkParticipant(cert *x509.Certificate) (string, error) {
	name := cert.Subject.CommonName
	if err := cert.CheckSignatureFrom(a.cert); err != nil {
		return "", protocol.Faultf(protocol.CodeUntrusted,
			"use the state folder that joined this job, or "+fixNewLine,
			"the certificate is not from this job's authority: %w", err)
	}
	if !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || checkName(name) != nil {
		return "", protocol.Faultf(protocol.CodeUntrusted, fixNewLine, "the certificate is not a participant's")
	}
	if err := checkDates(cert, a.clock(), "the certificate of "+name, fixNewLine); err != nil {
		return name, err
	}
	enrolled, err := a.enrolledKey(name)
	if err != nil {
		return name, err
	}
	hash, err := keyHash(cert.PublicKey)
	if err != nil {
		return name, err
	}
	if hash != enrolled {
		return name, protocol.Faultf(protocol.CodeUntrusted, fixNewLine,
			"the certificate of %s was withdrawn", name)
	}
	return name, nil
}

// checkCoordinator verifies a coordinator's leaf against the pinned authority.
func checkCoordinator(leaf, authority *x509.Certificate, now time.Time) error {
	const impostor = "check the address; if it is right, somebody may be answering in the coordinator's place, " +
		"or the coordinator lost its state folder and its authority with it: ask whoever runs it"
	if err := leaf.CheckSignatureFrom(authority); err != nil {
		return protocol.Faultf(protocol.CodeUntrusted, impostor,
			"what answers is not of the authority that this participant joined (%s…): %w",
			fingerprint(authority.Raw)[:16], err)
	}
	for _, cert := range []*x509.Certificate{leaf, authority} {
		err := checkDates(cert, now, "the coordinator's certificate",
			"set this machine's clock right; if it is, restart the coordinator")
		if err != nil {
			return err
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:       roots,
		DNSName:     coordinatorName,
		CurrentTime: now,
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return protocol.Faultf(protocol.CodeUntrusted, impostor, "what answers is not the coordinator: %w", err)
	}
	return nil
}
