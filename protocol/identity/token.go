package identity

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gradientlearning/cola/protocol"
)

// invitation is a token on disk: its hash only, so that who reads the file cannot join.
type invitation struct {
	Hash        string    `json:"token_sha256"`
	Participant string    `json:"participant,omitempty"` // the only name it is good for, if any
	Created     time.Time `json:"created"`
	Expires     time.Time `json:"expires"`
}

// redemption records who redeemed an invitation, before the certificate is given out.
type redemption struct {
	Participant string    `json:"participant"`
	Key         string    `json:"key_sha256"`
	Redeemed    time.Time `json:"redeemed"`
}

const (
	invitationSuffix = ".json"
	redemptionSuffix = ".used.json"
	// keepExpired is how long an expired invitation is kept, so that who comes late
	// is told so.
	keepExpired = 30 * 24 * time.Hour
)

// Invite makes a one-time join token, valid for validFor (0: [DefaultTokenValidity])
// and, where name is not empty, good for that participant alone. Only its hash is
// stored. A name that is enrolled already may be invited again: its participant
// renews its certificate with the same key.
func (a *Authority) Invite(name string, validFor time.Duration) (token string, err error) {
	if name != "" {
		if err := checkName(name); err != nil {
			return "", nameFault(err)
		}
	}
	if validFor < 0 {
		return "", protocol.Faultf(protocol.CodeUsage, "give a positive duration such as 24h", "an invitation cannot be valid for %s", validFor)
	}
	if validFor == 0 {
		validFor = DefaultTokenValidity
	}
	if err := a.prune(); err != nil {
		return "", err
	}
	token = newSecret()
	now := a.clock().UTC()
	inv := invitation{Hash: tokenHash(token), Participant: name, Created: now, Expires: now.Add(validFor)}
	data, err := encodeRecord(inv)
	if err != nil {
		return "", err
	}
	if err := createFile(a.invitationPath(inv.Hash), data); err != nil {
		return "", err
	}
	return token, nil
}

// tokenHash names a token without giving it away.
func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func (a *Authority) invitationPath(hash string) string {
	return a.path(tokensDir, hash+invitationSuffix)
}
func (a *Authority) redemptionPath(hash string) string {
	return a.path(tokensDir, hash+redemptionSuffix)
}

// findInvitation looks a token up on disk, where another process may have put it.
func (a *Authority) findInvitation(token string) (invitation, error) {
	const fix = "check that the whole line was pasted, or " + fixNewLine
	token, err := parseSecret(token)
	if err != nil {
		return invitation{}, protocol.Faultf(protocol.CodeTokenRefused, fix, "the join token is not valid: %w", err)
	}
	hash := tokenHash(token)
	var inv invitation
	found, err := readRecord(a.invitationPath(hash), fixNewLine, &inv)
	if err != nil {
		return invitation{}, err
	}
	if !found || subtle.ConstantTimeCompare([]byte(inv.Hash), []byte(hash)) != 1 {
		return invitation{}, protocol.Faultf(protocol.CodeTokenRefused, fix, "the join token is not known to this coordinator")
	}
	if now := a.clock(); now.After(inv.Expires) {
		return invitation{}, protocol.Faultf(protocol.CodeTokenRefused, fixNewLine,
			"the join token expired on %s", inv.Expires.Format(time.RFC3339))
	}
	return inv, nil
}

// consume binds an invitation to name and key, durably; the same pair may come again.
func (a *Authority) consume(inv invitation, name, key string) error {
	path := a.redemptionPath(inv.Hash)
	data, err := encodeRecord(redemption{Participant: name, Key: key, Redeemed: a.clock().UTC()})
	if err != nil {
		return err
	}
	err = createFile(path, data)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	return a.checkRedemption(inv, name, key)
}

// checkRedemption refuses an invitation that others than name and key have redeemed.
func (a *Authority) checkRedemption(inv invitation, name, key string) error {
	var used redemption
	found, err := readRecord(a.redemptionPath(inv.Hash), fixNewLine, &used)
	if err != nil || !found {
		return err
	}
	if used.Participant != name || subtle.ConstantTimeCompare([]byte(used.Key), []byte(key)) != 1 {
		return protocol.Faultf(protocol.CodeTokenRefused,
			"a token is good for one participant: use the state folder that joined with it, or "+fixNewLine,
			"the join token was used on %s by another key or under another name", used.Redeemed.Format(time.RFC3339))
	}
	return nil
}

// prune removes invitations that expired long ago.
func (a *Authority) prune() error {
	return a.eachInvitation(func(inv invitation) error {
		if a.clock().Before(inv.Expires.Add(keepExpired)) {
			return nil
		}
		return a.dropInvitation(inv.Hash)
	})
}

// dropInvitation removes the invitation first: without it, the record of its
// redemption means nothing.
func (a *Authority) dropInvitation(hash string) error {
	if err := remove(a.invitationPath(hash)); err != nil {
		return err
	}
	return remove(a.redemptionPath(hash))
}

// eachInvitation calls do for every invitation that can be read; one that cannot is
// of no use to anybody and is left for a person to look at.
func (a *Authority) eachInvitation(do func(invitation) error) error {
	entries, err := os.ReadDir(a.path(tokensDir))
	if err != nil {
		return unreadable(a.path(tokensDir), a.fix(), err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, redemptionSuffix) {
			continue
		}
		var inv invitation
		found, err := readRecord(filepath.Join(a.path(tokensDir), name), fixNewLine, &inv)
		if err != nil || !found || inv.Hash+invitationSuffix != name {
			continue
		}
		if err := do(inv); err != nil {
			return err
		}
	}
	return nil
}
