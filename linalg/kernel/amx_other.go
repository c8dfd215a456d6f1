//go:build amd64 && !linux

package kernel

// tilesPermitted says no: only Linux is asked.
func tilesPermitted() bool { return false }
