//go:build race

package verify

// raced says that the race detector is on, under which plain loops take fifty times as long.
const raced = true
