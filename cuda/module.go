package cuda

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"github.com/gradientlearning/cola/cuda/kernels"
)

// program is cola's kernels, loaded into a context.
type program struct {
	c       *context
	origin  string    // how they were made, for people: "nvrtc 13.2 for sm_90"
	modules []uintptr // one for each source that was compiled, or one for all
	found   map[string]*kernel
	last    [16]string // kernels that were launched, a ring
	count   int        // how many launches there were
}

// Ways to make kernels, as COLA_CUDA_JIT names them.
const (
	jitCompiler = "nvrtc"
	jitPTX      = "ptx"
)

// loadProgram compiles the kernels for the GPU, where libnvrtc is there and takes them, or
// else loads the embedded PTX. COLA_CUDA_JIT insists on either.
func loadProgram(c *context) (*program, error) {
	p := &program{c: c, found: map[string]*kernel{}}
	switch c.o.jit {
	case jitCompiler:
		return p, p.compileAll()
	case jitPTX:
		p.origin = "embedded PTX"
		return p, p.loadPTX()
	case "":
	default:
		return nil, fmt.Errorf("COLA_CUDA_JIT is %q: it is %s, %s, or not set", c.o.jit, jitCompiler, jitPTX)
	}
	compiling := p.compileAll()
	if compiling == nil || isSticky(compiling) {
		return p, compiling
	}
	p.origin = fmt.Sprintf("embedded PTX, because: %v", compiling)
	if err := errors.Join(p.unload(), p.loadPTX()); err != nil {
		return p, fmt.Errorf("neither way to load the kernels works: %w; %w", compiling, err)
	}
	return p, nil
}

// compileAll compiles and loads every source, or takes from the cache what was compiled
// before.
func (p *program) compileAll() error {
	n, err := loadCompiler(p.c.driver.version / 1000)
	if err != nil {
		return err
	}
	arch, err := n.target(p.c.info.capability())
	if err != nil {
		return err
	}
	p.origin = fmt.Sprintf("%s for sm_%d", n.name(), arch)
	cubins, err := n.compileSources(arch, p.c.o.cache)
	if err != nil {
		return err
	}
	for _, c := range cubins {
		if err := p.load("load "+c.Name, []byte(c.Text)); err != nil {
			return err
		}
	}
	return nil
}

// compileSources returns the machine code of every source. They are compiled beside each
// other: NVRTC may be called from several threads.
func (n *compiler) compileSources(arch int, cache string) ([]kernels.File, error) {
	headers, sources := split(kernels.Source())
	options := flags(arch)
	cubins := make([]kernels.File, len(sources))
	errs := make([]error, len(sources))
	var wg sync.WaitGroup
	for i, source := range sources {
		wg.Go(func() {
			cubin, err := n.cached(source, headers, options, cache)
			cubins[i], errs[i] = kernels.File{Name: source.Name, Text: string(cubin)}, err
		})
	}
	wg.Wait()
	return cubins, errors.Join(errs...)
}

// split divides files into headers and what is compiled.
func split(files []kernels.File) (headers, sources []kernels.File) {
	for _, f := range files {
		if f.Header() {
			headers = append(headers, f)
		} else {
			sources = append(sources, f)
		}
	}
	return headers, sources
}

// cached is compile by way of the cache.
func (n *compiler) cached(source kernels.File, headers []kernels.File, options []string, cache string) ([]byte, error) {
	if cache == "" {
		return n.compile(source, headers, options)
	}
	key := cacheKey(n.name(), source, headers, options)
	if cubin, ok := readCache(cache, key); ok {
		return cubin, nil
	}
	cubin, err := n.compile(source, headers, options)
	if err == nil {
		_ = writeCache(cache, key, cubin) // the next process compiles again
	}
	return cubin, err
}

// load loads machine code, or PTX that ends in a NUL. The error has the log of the driver's
// own compiler.
func (p *program) load(op string, image []byte) error {
	const (
		errorLog     = 5 // CU_JIT_ERROR_LOG_BUFFER
		errorLogSize = 6 // CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES
	)
	jit := &struct {
		options [2]int32
		values  [2]uintptr // void*, where an option that is a number has it in place of an address
		log     [8192]byte
	}{options: [2]int32{errorLog, errorLogSize}}
	jit.values = [2]uintptr{uintptr(unsafe.Pointer(&jit.log)), uintptr(len(jit.log))}
	d, module := p.c.driver, uintptr(0)
	err := d.call(&d.moduleLoadDataEx, uintptr(unsafe.Pointer(&module)), uintptr(unsafe.Pointer(&image[0])),
		uintptr(len(jit.options)), uintptr(unsafe.Pointer(&jit.options)), uintptr(unsafe.Pointer(&jit.values)))
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			text, _, _ := bytes.Cut(jit.log[:], []byte{0})
			e.Op, e.Log = op, string(text)
		}
		return err
	}
	p.modules = append(p.modules, module)
	return nil
}

// kernel returns a kernel by name. One that no source has is a programmer's mistake, or a
// library of another release: an error names it.
func (p *program) kernel(name string) (*kernel, error) {
	if k := p.found[name]; k != nil {
		return k, nil
	}
	d := p.c.driver
	for _, module := range p.modules {
		var function uintptr
		err := d.call(&d.moduleGetFunction, uintptr(unsafe.Pointer(&function)), module, uintptr(unsafe.Pointer(cstring(name))))
		if e, ok := errors.AsType[*Error](err); ok && e.Code == codeNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		k, err := newKernel(d, name, function)
		if err != nil {
			return nil, err
		}
		p.found[name] = k
		return k, nil
	}
	return nil, fmt.Errorf("cuda: the kernels (%s) have no %s", p.origin, name)
}

// recent returns the kernels that were launched last, the newest last.
func (p *program) recent() []string {
	first := max(p.count-len(p.last), 0)
	names := make([]string, 0, p.count-first)
	for i := first; i < p.count; i++ {
		names = append(names, p.last[i%len(p.last)])
	}
	return names
}

// unload gives the modules back.
func (p *program) unload() error {
	var errs []error
	for _, module := range slices.Backward(p.modules) {
		errs = append(errs, p.c.driver.call(&p.c.driver.moduleUnload, module))
	}
	p.modules = nil
	clear(p.found)
	return errors.Join(errs...)
}
