// Package membership finds a job's coordinator by gossip, and hints at who may have
// failed. It is optional: everything works by address without it.
//
// A coordinator calls [Announce], a participant [Discover]; both get a [Pool]. Gossip
// is hashicorp/memberlist, encrypted with a key derived from a secret that the pool
// shares. Whoever holds that secret can say anything in anybody's name: what a pool
// says is never identity, which package identity proves on the connection that
// follows, and no reason by itself to give a participant up.
//
// Gossip wants UDP and TCP both ways between all members. A participant behind
// address translation should be given the coordinator's address instead.
package membership
