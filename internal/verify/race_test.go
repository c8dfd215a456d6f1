//go:build race

package verify

// raced says that the race detector is on, under which plain loops take twenty times as long.
const raced = true
