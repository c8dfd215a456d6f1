// Package netem makes networks bad on purpose: connections that are slow, far away, that
// break in the middle of a frame or damage a byte. Tests and simulations put it between
// a participant and its coordinator.
package netem
