package kernel

// Panel is the number of columns of B that lie side by side in its packed form.
const Panel = 32

// PackedLen returns the number of elements of a packed (k, n) matrix.
func PackedLen(k, n int) int { return (n + Panel - 1) / Panel * Panel * k }

// Pack writes b (k, n), whose element (i, j) is b[i·rs + j·cs], in panels of [Panel] columns:
// element (i, j) goes to dst[(j/Panel·k + i)·Panel + j%Panel]. Columns that fill the last
// panel up are 0. One of rs and cs is 1.
func Pack(dst, b []float32, k, n, rs, cs int) {
	if k == 0 {
		return
	}
	for j := 0; j < n; j += Panel {
		panel, width := dst[j*k:][:k*Panel], min(Panel, n-j)
		if cs == 1 {
			packRows(panel, b[j:], k, width, rs)
		} else {
			packColumns(panel, b[j*cs:], k, width, cs)
		}
	}
}

// packRows packs columns of which the rows lie in one piece each.
func packRows(panel, b []float32, k, width, rs int) {
	_ = b[(k-1)*rs+width-1]
	if width == Panel && packPanel(level, &panel[0], &b[0], rs, k) {
		return
	}
	for i := range k {
		row := panel[i*Panel:][:Panel]
		if width == Panel {
			*(*[Panel]float32)(row) = *(*[Panel]float32)(b[i*rs:])
			continue
		}
		copy(row, b[i*rs:][:width])
		clear(row[width:])
	}
}

// packColumns packs columns that lie in one piece each: it transposes.
func packColumns(panel, b []float32, k, width, cs int) {
	_ = b[(width-1)*cs+k-1]
	wide := packWidth(level)
	done, quads := 0, k/4
	if wide > 0 && quads > 0 {
		for ; done+wide <= width; done += wide {
			packQuads(level, &panel[done], &b[done*cs], cs, quads)
			if whole := 4 * quads; whole < k {
				transposeLoop(panel[whole*Panel+done:], Panel, b[done*cs+whole:], cs, wide, k-whole)
			}
		}
	}
	if done < width {
		transposeLoop(panel[done:], Panel, b[done*cs:], cs, width-done, k)
	}
	if width < Panel {
		for i := range k {
			clear(panel[i*Panel+width:][:Panel-width])
		}
	}
}
