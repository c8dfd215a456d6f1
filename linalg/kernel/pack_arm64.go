package kernel

// packWidth returns how many columns a level transposes at once.
func packWidth(l Level) int {
	if l == NEON {
		return 8
	}
	return 0
}

// packQuads writes 4·quads rows of eight columns, which are stride elements apart in src, to
// rows of a panel.
func packQuads(_ Level, dst, src *float32, stride, quads int) { packNEON(dst, src, stride, quads) }

//go:noescape
func packNEON(dst, src *float32, stride, quads int)

// packPanel says that Go's loop copies rows.
func packPanel(Level, *float32, *float32, int, int) bool { return false }
