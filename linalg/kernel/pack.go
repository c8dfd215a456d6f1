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
			for i := 4 * quads; i < k; i++ {
				for j := done; j < done+wide; j++ {
					panel[i*Panel+j] = b[j*cs+i]
				}
			}
		}
	}
	for ; done+4 <= width; done += 4 { // four writes side by side
		b0, b1, b2, b3 := b[done*cs:][:k], b[(done+1)*cs:][:k], b[(done+2)*cs:][:k], b[(done+3)*cs:][:k]
		for i := range b0 {
			*(*[4]float32)(panel[i*Panel+done:]) = [4]float32{b0[i], b1[i], b2[i], b3[i]}
		}
	}
	for ; done < width; done++ {
		for i, v := range b[done*cs:][:k] {
			panel[i*Panel+done] = v
		}
	}
	if width < Panel {
		for i := range k {
			clear(panel[i*Panel+width:][:Panel-width])
		}
	}
}
