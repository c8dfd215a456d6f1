//go:build !amd64 && !arm64

package kernel

// packWidth says that no level transposes but Go's.
func packWidth(Level) int { return 0 }

func packQuads(Level, *float32, *float32, int, int) { panic("kernel: no level but Go's") }

// packPanel says that Go's loop copies rows.
func packPanel(Level, *float32, *float32, int, int) bool { return false }
