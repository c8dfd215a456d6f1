// Package identity says who is who in a job: a private authority on the
// coordinator's side, a key that never leaves its machine on the participant's,
// and a one-time join token that brings the two together.
//
// The authority ([OpenAuthority]) is an Ed25519 certificate authority of one job.
// It hands out tokens ([Authority.Invite]) and listens ([Authority.Listen]) with
// TLS 1.3. A participant ([OpenIdentity]) makes its key, pins the authority by the
// fingerprint in its [Join] line, exchanges the token for a certificate
// ([Identity.Enroll]) and from then on dials with it ([Identity.Dial]).
//
// A certificate is good for as long as its dates say and its key is the one that is
// enrolled under its name: [Authority.Forget] therefore withdraws it.
//
// Everything that a person can mend comes back as a [protocol.Fault]. docs/security-model.md
// draws the lifecycle and lists the files.
package identity
