package kernel

// outerDepth is how many rows of a and b are gone over before the next columns are: what lies
// beside the columns that are multiplied is fetched with them.
const outerDepth = 64

// AddOuter computes c += aᵀ·b for a (k, m) and b (k, n), neither of which is packed:
// c[i·ldc + j] += a[p·lda + i]·b[p·ldb + j] for p = 0, 1, …, each by one fused multiply-add. It
// is for an a of few columns, with which packing b would take longer than multiplying.
func AddOuter(c []float32, ldc int, a []float32, lda int, b []float32, ldb, m, n, k int) {
	AddOuterFetching(c, ldc, a, lda, b, ldb, m, n, k, nil)
}

// AddOuterFetching is [AddOuter] for a b that is in cache: it asks for later meanwhile, as far as
// that is as long as b (k, n), which the caller goes over next. It changes nothing else.
func AddOuterFetching(c []float32, ldc int, a []float32, lda int, b []float32, ldb, m, n, k int, later []float32) {
	if m == 0 || n == 0 || k == 0 {
		return
	}
	_, _, _ = c[(m-1)*ldc+n-1], a[(k-1)*lda+m-1], b[(k-1)*ldb+n-1]
	most, wide := outerShape(level)
	if most == 0 {
		addOuterPacked(c, ldc, a, lda, b, ldb, m, n, k)
		return
	}
	for p := 0; p < k; p += outerDepth { // so many rows of b stay in cache until all of a met them
		for row := 0; row < m; row += most {
			var t tile
			t.ldc, t.cs, t.ldb, t.rows, t.k = ldc, lda, ldb, min(most, m-row), min(outerDepth, k-p)
			t.a = &a[p*lda+row]
			for j := 0; j < n; j += wide {
				t.b, t.c, t.cols = &b[p*ldb+j], &c[row*ldc+j], min(wide, n-j)
				t.next = nil
				if at := p*n + j*t.k; row == 0 && at < len(later) {
					t.next = &later[at]
				}
				t.outer(level)
			}
		}
	}
}

// addOuterPacked is [AddOuter] for levels that have no kernel for it.
func addOuterPacked(c []float32, ldc int, a []float32, lda int, b []float32, ldb, m, n, k int) {
	s := borrowPanel()
	defer s.giveBack()
	for j := 0; j < n; j += Panel {
		width := min(Panel, n-j)
		for p := 0; p < k; p += panelDepth {
			depth := min(panelDepth, k-p)
			Pack(s.panel[:], b[p*ldb+j:], depth, width, ldb, 1)
			Multiply(c[j:], ldc, c[j:], ldc, Columns(a[p*lda:], lda), s.panel[:], m, width, depth)
		}
	}
}
