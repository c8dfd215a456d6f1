package cuda

import (
	"errors"
	"unsafe"

	"github.com/gradientlearning/cola/cuda/internal/dl"
	"github.com/gradientlearning/cola/linalg"
)

// planKey is all that libcublasLt chooses an algorithm by: shapes, types, strides, what
// happens to the sums, and how far addresses are aligned.
type planKey struct {
	m, n, k        int
	transA, transB bool
	in, out        linalg.DType
	a, b, c, d     placement
	aux            placement
	bias           uint32 // its alignment
	epilogue       int32
	batch          int
	beta           bool
}

// placement is where a matrix lies, without its address.
type placement struct {
	stride    int
	step      int64
	alignment uint32
}

// plan is a product that was prepared: descriptors of the library, the algorithm, and the
// arguments of the call.
type plan struct {
	possible       bool
	desc           uintptr
	la, lb, lc, ld uintptr
	alpha, beta    float32
	bias, aux      uint64 // addresses in desc now
	algorithm      [64]byte
	workspace      uint64
	arglist        [16]uintptr
}

// Values of cublasLt.h and library_types.h, as they are in versions 12 and 13.
const (
	computeFloat32 = 68 // CUBLAS_COMPUTE_32F: float32 sums, and never TF32 for float32 inputs
	typeFloat32    = 0  // CUDA_R_32F
	typeBFloat16   = 14 // CUDA_R_16BF

	descTransA       = 3
	descTransB       = 4
	descEpilogue     = 7
	descBias         = 8
	descAux          = 11
	descAuxStride    = 12
	epilogueNone     = 1
	epilogueBias     = 4
	epilogueGELU     = 32 + 128 // CUBLASLT_EPILOGUE_GELU_AUX
	layoutBatchCount = 5
	layoutBatchStep  = 6

	statusInvalidValue = 7  // CUBLAS_STATUS_INVALID_VALUE
	statusNotSupported = 15 // CUBLAS_STATUS_NOT_SUPPORTED

	// Where matrices stand in the arguments of cublasLtMatmul.
	argA, argB, argC, argD = 3, 5, 8, 10

	prefWorkspace  = 1
	prefReduction  = 3
	prefAlignmentA = 5 // B, C and D follow
	// reduceInFloat32 lets a product be split only where the parts are added in float32:
	// CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE. The other schemes add in d's type.
	reduceInFloat32 = 2
)

// key returns what the product's plan depends on.
func (p *product) key() planKey {
	m, n, k := p.shape()
	key := planKey{
		m: m, n: n, k: k, transA: p.transA, transB: p.transB, in: p.a.dtype, out: p.d.dtype,
		a: p.a.placement(), b: p.b.placement(), d: p.d.placement(),
		epilogue: epilogueNone, batch: max(p.batch, 1), beta: p.beta != 0,
	}
	key.c = key.d
	if key.beta {
		key.c = p.c.placement()
	}
	switch {
	case p.aux.at != 0 && p.bias != 0:
		key.epilogue = epilogueGELU | epilogueBias
	case p.aux.at != 0:
		key.epilogue = epilogueGELU
	case p.bias != 0:
		key.epilogue = epilogueBias
	}
	if p.aux.at != 0 {
		key.aux = p.aux.placement()
	}
	if p.bias != 0 {
		key.bias = p.bias.alignment()
	}
	return key
}

func (m *matrix) placement() placement {
	return placement{stride: m.rowStride(), step: m.step, alignment: m.at.alignment()}
}

// alignment returns the largest power of two that divides the address, up to the 256 bytes
// that algorithms ask for at most.
func (at devicePointer) alignment() uint32 {
	at |= 256
	return uint32(at & -at)
}

func (m *matrix) rowStride() int {
	if m.stride != 0 {
		return m.stride
	}
	return m.cols
}

// plan prepares a product. libcublasLt thinks in columns, and a row-major matrix is in its
// eyes the transposed one: it is asked for dᵀ = op(b)ᵀ·op(a)ᵀ. So its A is our b, its B our
// a, its rows are our columns, and a bias for each of its rows is ours for each column.
func (b *blas) plan(p *product, key planKey) (_ *plan, err error) {
	q := &plan{}
	defer func() {
		if err != nil {
			err = errors.Join(err, q.close(b))
		}
	}()
	if err := q.describe(b, p, key); err != nil {
		return nil, err
	}
	for _, layout := range []struct {
		handle *uintptr
		of     *matrix
		place  placement
	}{
		{&q.la, &p.b, key.b},
		{&q.lb, &p.a, key.a},
		{&q.lc, &p.d, key.c}, // c has d's shape
		{&q.ld, &p.d, key.d},
	} {
		if err := b.layout(layout.handle, layout.of, layout.place, key.batch); err != nil {
			return nil, err
		}
	}
	if err := q.choose(b, key); err != nil {
		return nil, err
	}
	// The plan is on the heap, where it stays: these are addresses in it.
	q.arglist = [...]uintptr{
		b.handle, q.desc, uintptr(unsafe.Pointer(&q.alpha)), argA: 0, q.la, argB: 0, q.lb,
		uintptr(unsafe.Pointer(&q.beta)), argC: 0, q.lc, argD: 0, q.ld,
		uintptr(unsafe.Pointer(&q.algorithm)), uintptr(b.workspace), uintptr(q.workspace), b.c.compute.handle,
	}
	return q, nil
}

// describe makes the descriptor of the operation. It has the addresses of bias and aux
// already, because their alignment counts.
func (q *plan) describe(b *blas, p *product, key planKey) error {
	if err := b.call(&b.descCreate, uintptr(unsafe.Pointer(&q.desc)), computeFloat32, typeFloat32); err != nil {
		return err
	}
	err := errors.Join(
		b.set32(&b.descSet, q.desc, descTransA, operation(key.transB)),
		b.set32(&b.descSet, q.desc, descTransB, operation(key.transA)),
		b.set32(&b.descSet, q.desc, descEpilogue, key.epilogue),
	)
	if p.aux.at != 0 {
		err = errors.Join(err, b.set64(&b.descSet, q.desc, descAuxStride, uint64(key.aux.stride)))
	}
	return errors.Join(err, q.point(b, p))
}

// point sets the addresses of bias and aux in the descriptor, where they changed.
func (q *plan) point(b *blas, p *product) error {
	if bias := uint64(p.bias); bias != q.bias {
		if err := b.set64(&b.descSet, q.desc, descBias, bias); err != nil {
			return err
		}
		q.bias = bias
	}
	if aux := uint64(p.aux.at); aux != q.aux {
		if err := b.set64(&b.descSet, q.desc, descAux, aux); err != nil {
			return err
		}
		q.aux = aux
	}
	return nil
}

// layout makes the descriptor of a matrix, in columns.
func (b *blas) layout(handle *uintptr, m *matrix, place placement, batch int) error {
	dtype := uintptr(typeFloat32)
	if m.dtype == linalg.BF16 {
		dtype = typeBFloat16
	}
	err := b.call(&b.layoutCreate, uintptr(unsafe.Pointer(handle)), dtype, uintptr(m.cols), uintptr(m.rows), uintptr(place.stride))
	if err != nil || batch == 1 {
		return err
	}
	return errors.Join(
		b.set32(&b.layoutSet, *handle, layoutBatchCount, int32(batch)),
		b.set64(&b.layoutSet, *handle, layoutBatchStep, uint64(place.step)),
	)
}

// heuristicResult is cublasLtMatmulHeuristicResult_t.
type heuristicResult struct {
	algorithm [64]byte
	workspace uint64
	state     int32
	waves     float32
	reserved  [4]int32
}

// choose asks for the algorithm that the library expects to be the fastest. None is an
// answer too.
func (q *plan) choose(b *blas, key planKey) error {
	var pref uintptr
	if err := b.call(&b.prefCreate, uintptr(unsafe.Pointer(&pref))); err != nil {
		return err
	}
	err := errors.Join(
		b.set64(&b.prefSet, pref, prefWorkspace, workspaceBytes),
		b.set32(&b.prefSet, pref, prefReduction, reduceInFloat32),
	)
	for i, place := range []placement{key.b, key.a, key.c, key.d} {
		err = errors.Join(err, b.set32(&b.prefSet, pref, prefAlignmentA+i, int32(place.alignment)))
	}
	var result heuristicResult
	var found int32
	if err == nil {
		status := b.heuristic.Call(b.handle, q.desc, q.la, q.lb, q.lc, q.ld, pref, 1, uintptr(unsafe.Pointer(&result)), uintptr(unsafe.Pointer(&found)))
		// Strides that an epilogue does not take are invalid values to some versions.
		refused := int32(status) == statusNotSupported || int32(status) == statusInvalidValue && key.epilogue != epilogueNone
		if !refused {
			err = b.check(b.heuristic.Name, status)
		}
	}
	err = errors.Join(err, b.call(&b.prefDestroy, pref))
	q.possible = err == nil && found > 0 && result.state == 0 && result.workspace <= workspaceBytes
	q.algorithm, q.workspace = result.algorithm, result.workspace
	return err
}

// run queues the product.
func (q *plan) run(b *blas, p *product) error {
	if err := q.point(b, p); err != nil {
		return err
	}
	c := p.c.at
	if p.beta == 0 {
		c = p.d.at // it is not read, and must be an address
	}
	q.alpha, q.beta = p.alpha, p.beta
	q.arglist[argA], q.arglist[argB], q.arglist[argC], q.arglist[argD] = uintptr(p.b.at), uintptr(p.a.at), uintptr(c), uintptr(p.d.at)
	status := b.matmul.CallList(q.arglist[:], q)
	if int32(status) == statusNotSupported {
		q.possible = false
		return errNoAlgorithm
	}
	return b.check(b.matmul.Name, status)
}

// close gives the descriptors back.
func (q *plan) close(b *blas) error {
	var errs []error
	for _, layout := range []uintptr{q.la, q.lb, q.lc, q.ld} {
		if layout != 0 {
			errs = append(errs, b.call(&b.layoutDestroy, layout))
		}
	}
	if q.desc != 0 {
		errs = append(errs, b.call(&b.descDestroy, q.desc))
	}
	return errors.Join(errs...)
}

// operation is a cublasOperation_t.
func operation(transpose bool) int32 {
	if transpose {
		return 1
	}
	return 0
}

// set32 sets an attribute of four bytes.
func (b *blas) set32(f *dl.Func, handle uintptr, attribute int, value int32) error {
	return b.call(f, handle, uintptr(attribute), uintptr(unsafe.Pointer(&value)), 4)
}

// set64 sets an attribute of eight bytes.
func (b *blas) set64(f *dl.Func, handle uintptr, attribute int, value uint64) error {
	return b.call(f, handle, uintptr(attribute), uintptr(unsafe.Pointer(&value)), 8)
}
