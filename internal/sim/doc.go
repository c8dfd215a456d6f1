// Package sim runs a whole federation in one process: the coordinator and the
// participants of package coordinator and package participant, over the same protocol,
// on in-memory connections or on TLS over loopback.
package sim
