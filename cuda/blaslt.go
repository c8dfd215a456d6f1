package cuda

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/gradientlearning/cola/cuda/internal/dl"
	"github.com/gradientlearning/cola/linalg"
)

// blas is libcublasLt, NVIDIA's matrix products, in a context.
type blas struct {
	c         *context
	lib       *dl.Library
	version   int // 10000·major + 100·minor + patch
	handle    uintptr
	workspace devicePointer
	plans     map[planKey]*plan

	getVersion, getStatusName, getStatusString dl.Func
	create, destroy                            dl.Func
	descCreate, descDestroy, descSet           dl.Func
	layoutCreate, layoutDestroy, layoutSet     dl.Func
	prefCreate, prefDestroy, prefSet           dl.Func
	heuristic, matmul                          dl.Func
}

// workspaceBytes is scratch memory for algorithms that split a product, one for all, since
// products follow each other on one stream. NVIDIA recommends 32 MiB for Hopper.
const workspaceBytes = 32 << 20

func (b *blas) bindings() []dl.Binding {
	return []dl.Binding{
		{Name: "cublasLtGetVersion", Func: &b.getVersion},
		{Name: "cublasLtGetStatusName", Func: &b.getStatusName},
		{Name: "cublasLtGetStatusString", Func: &b.getStatusString},
		{Name: "cublasLtCreate", Func: &b.create},
		{Name: "cublasLtDestroy", Func: &b.destroy},
		{Name: "cublasLtMatmulDescCreate", Func: &b.descCreate},
		{Name: "cublasLtMatmulDescDestroy", Func: &b.descDestroy},
		{Name: "cublasLtMatmulDescSetAttribute", Func: &b.descSet},
		{Name: "cublasLtMatrixLayoutCreate", Func: &b.layoutCreate},
		{Name: "cublasLtMatrixLayoutDestroy", Func: &b.layoutDestroy},
		{Name: "cublasLtMatrixLayoutSetAttribute", Func: &b.layoutSet},
		{Name: "cublasLtMatmulPreferenceCreate", Func: &b.prefCreate},
		{Name: "cublasLtMatmulPreferenceDestroy", Func: &b.prefDestroy},
		{Name: "cublasLtMatmulPreferenceSetAttribute", Func: &b.prefSet},
		{Name: "cublasLtMatmulAlgoGetHeuristic", Func: &b.heuristic},
		{Name: "cublasLtMatmul", Func: &b.matmul},
	}
}

// loadBLAS finds a libcublasLt that works with a driver of that CUDA major version; 0
// stands for any.
func loadBLAS(driverMajor int) (*blas, error) {
	b := &blas{}
	search := toolkitSearch(envBLAS, "libcublasLt", driverMajor, "cu13/lib", "cublas/lib")
	_, err := search.Find(func(lib *dl.Library) error {
		*b = blas{lib: lib, plans: map[planKey]*plan{}}
		if err := lib.Bind(b.bindings()); err != nil {
			return err
		}
		b.version = int(b.getVersion.Call())
		return checkMajor(lib.Path, b.version/10000, b.version/100%100, driverMajor)
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// newBLAS opens the library in the context, which must be current.
func newBLAS(c *context) (*blas, error) {
	b, err := loadBLAS(c.driver.version / 1000)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	b.c = c
	if err := b.call(&b.create, uintptr(unsafe.Pointer(&b.handle))); err != nil {
		return nil, err
	}
	if b.workspace, err = c.pool.take(workspaceBytes); err != nil {
		return nil, errors.Join(c.pool.explain(err, workspaceBytes), b.close())
	}
	return b, nil
}

// matrix is a row-major matrix in the GPU's memory, or the first of a batch of them.
type matrix struct {
	at         devicePointer
	dtype      linalg.DType // F32 or BF16
	rows, cols int
	stride     int   // elements from one row to the next; 0 for cols
	step       int64 // elements from one matrix of the batch to the next
}

// product is d = alpha·op(a)·op(b) + beta·c + bias, summed in float32. Inputs have one type;
// d has theirs or is F32.
type product struct {
	a, b           matrix
	transA, transB bool
	alpha          float32
	beta           float32
	c              matrix // has d's type and shape, and may be d; not read where beta is 0
	d              matrix
	bias           devicePointer // d.cols elements of d's type, added to every row; 0 for none
	aux            matrix        // where set: gets what is summed, and d becomes its GELU (the tanh approximation)
	batch          int           // how many products; 0 for one
}

// errNoAlgorithm is what a product fails with that libcublasLt cannot do in one go, such as
// an epilogue for these types or alignments. The caller does it in parts.
var errNoAlgorithm = errors.New("cuda: libcublasLt has no algorithm for this product")

// multiply queues a product on the compute stream. It returns errNoAlgorithm where there is
// no way, at once from the second time on, and takes no memory from Go's heap once it has
// seen a product of the same kind.
func (b *blas) multiply(p *product) error {
	m, n, _ := p.shape()
	if m == 0 || n == 0 {
		return nil
	}
	key := p.key()
	q := b.plans[key]
	if q == nil {
		var err error
		if q, err = b.plan(p, key); err != nil {
			return err
		}
		b.plans[key] = q
	}
	if !q.possible {
		return errNoAlgorithm
	}
	return q.run(b, p)
}

// shape returns the rows and columns of the result, and the length of the sums. It panics
// where shapes or types do not fit.
func (p *product) shape() (m, n, k int) {
	m, k = p.a.rows, p.a.cols
	if p.transA {
		m, k = k, m
	}
	kb, n := p.b.rows, p.b.cols
	if p.transB {
		kb, n = n, kb
	}
	if k != kb || p.d.rows != m || p.d.cols != n {
		panic(fmt.Sprintf("cuda: product of (%d,%d)%s and (%d,%d)%s into (%d,%d)",
			p.a.rows, p.a.cols, transposed(p.transA), p.b.rows, p.b.cols, transposed(p.transB), p.d.rows, p.d.cols))
	}
	if p.a.dtype != p.b.dtype || p.d.dtype != p.a.dtype && p.d.dtype != linalg.F32 {
		panic(fmt.Sprintf("cuda: product of %v and %v into %v", p.a.dtype, p.b.dtype, p.d.dtype))
	}
	return m, n, k
}

func transposed(yes bool) string {
	if yes {
		return "ᵀ"
	}
	return ""
}

// close gives everything back.
func (b *blas) close() error {
	var errs []error
	for _, q := range b.plans {
		errs = append(errs, q.close(b))
	}
	clear(b.plans)
	if b.workspace != 0 {
		errs = append(errs, b.c.pool.release(b.workspace))
	}
	return errors.Join(append(errs, b.call(&b.destroy, b.handle))...)
}

// call calls a function of the library; addresses are passed as for [dl.Func.Call].
//
//go:uintptrescapes
func (b *blas) call(f *dl.Func, args ...uintptr) error {
	return b.check(f.Name, f.Call(args...))
}

func (b *blas) check(call string, result uintptr) error {
	code := int(int32(result))
	if code == 0 {
		return nil
	}
	return &Error{
		Lib: libBLAS, Call: call, Code: code,
		Name: b.getStatusName.CallString(uintptr(code)), Message: b.getStatusString.CallString(uintptr(code)),
	}
}
