package cuda

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/gradientlearning/cola/linalg"
)

// options are how a GPU is opened.
type options struct {
	jit         string // "nvrtc", "ptx", or "" for the first that works
	synchronous bool   // wait for every kernel, so that an error names the one that made it
	strict      bool   // forget the context after each call of do: code outside it then fails
	cache       string // the folder of compiled kernels; "" for none
}

// environment returns the options that the environment sets; doc.go lists the variables.
func environment() options {
	o := options{jit: os.Getenv("COLA_CUDA_JIT"), synchronous: os.Getenv("COLA_CUDA_SYNC") == "1"}
	if dir, err := os.UserCacheDir(); err == nil {
		o.cache = cacheFolder(dir)
	}
	return o
}

// context is a GPU that was opened: the driver's context for it and all that lives there.
//
// It is for one goroutine at a time, whichever. The driver's own notion of a current
// context belongs to a thread of the operating system: every use goes through do or try,
// which see to that.
type context struct {
	driver *driver
	info   DeviceInfo
	handle uintptr
	device int32
	o      options

	compute, copies *stream // operations run on compute, transfers beside it on copies
	pool            *pool
	ring            *ring // pinned memory that transfers go through
	program         *program
	blas            *blas

	depth  int   // how many do's the goroutine is in
	failed error // the first failure; after it do does nothing
	lost   error // the failure that the driver's context died of
	open   objects
}

// objects counts what users of a context took and must give back.
type objects struct {
	blocks, pinned, events int
	bytes                  int64 // of the blocks
}

// open opens GPU number ordinal, as [Discover] counts them. The error wraps
// [ErrUnavailable] where no GPU can be used.
func open(ordinal int, o options) (*context, error) {
	d, err := loadDriver()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := d.start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	info, device, err := d.device(ordinal)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if info.Problem != "" {
		return nil, fmt.Errorf("%w: GPU %d (%s) %s", ErrUnavailable, ordinal, info.Name, info.Problem)
	}
	c := &context{driver: d, info: info, device: device, o: o}
	// The primary context: cuBLASLt works in it, and other libraries of the process share it.
	if err := d.call(&d.primaryCtxRetain, uintptr(unsafe.Pointer(&c.handle)), uintptr(device)); err != nil {
		return nil, fmt.Errorf("open GPU %d: %w", ordinal, err)
	}
	if err := c.try(fmt.Sprintf("open GPU %d", ordinal), c.furnish); err != nil {
		return nil, c.abandon(err)
	}
	return c, nil
}

// furnish makes what every operation needs.
func (c *context) furnish() (err error) {
	if c.compute, err = c.newStream(); err != nil {
		return err
	}
	if c.copies, err = c.newStream(); err != nil {
		return err
	}
	if c.pool, err = newPool(c); err != nil {
		return err
	}
	c.ring = newRing(c)
	if c.program, err = loadProgram(c); err != nil {
		return err
	}
	c.blas, err = newBLAS(c)
	return err
}

// abandon releases what a failed open made.
func (c *context) abandon(err error) error {
	_, closing := c.close()
	return errors.Join(err, closing)
}

// do runs f, which calls the driver, for the operation op, on a thread that has the
// context. It keeps the first failure for [context.Err]; after one it does nothing, so that
// no kernel runs on memory which was never filled or could not be had.
func (c *context) do(op string, f func() error) {
	if c.failed != nil {
		return
	}
	c.failed = c.try(op, f)
}

// Err returns the first failure of an operation. Memory that ran out is forgotten with it:
// nothing is broken then, and the caller may free and try something smaller.
func (c *context) Err() error {
	err := c.failed
	if errors.Is(err, linalg.ErrOutOfMemory) {
		c.failed = nil
	}
	return err
}

// try is do for what can be answered: it returns the failure and keeps none. What releases
// resources goes through it, and is called also after a failure. Only a lost context stops
// it, since there is nothing to be done there.
func (c *context) try(op string, f func() error) error {
	if err := c.enter(op); err != nil {
		return err
	}
	defer c.leave()
	return c.explain(op, f())
}

// enter makes the context the current one of this thread, and binds the goroutine to the
// thread, until leave. Inside it costs nothing more.
func (c *context) enter(op string) error {
	if c.lost != nil {
		return c.lost
	}
	if c.depth == 0 {
		runtime.LockOSThread()
		if err := c.driver.makeCurrent(&c.handle); err != nil {
			runtime.UnlockOSThread()
			return c.explain(op, err)
		}
	}
	c.depth++
	return nil
}

// leave ends what enter began.
func (c *context) leave() {
	c.depth--
	if c.depth > 0 {
		return
	}
	if c.o.strict && c.lost == nil {
		// It can only fail as a lost context does, which the next call finds out.
		_ = c.driver.makeCurrent(new(uintptr))
	}
	runtime.UnlockOSThread()
}

// explain adds to an error of a library what the context knows: the operation, and the
// kernels that ran before. It notes when the context is lost.
func (c *context) explain(op string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Op == "" {
		e.Op = op
		if e.Lib == libDriver && c.program != nil {
			e.Launches = c.program.recent()
		}
	}
	if isSticky(err) && c.lost == nil {
		c.lost = err
	}
	return err
}

// synchronise waits until the GPU has done everything.
func (c *context) synchronise() error {
	return errors.Join(c.compute.synchronise(), c.copies.synchronise())
}

// close waits for the GPU and releases everything, also what the caller did not give back;
// left counts that. What lives in a lost context goes with its process.
func (c *context) close() (left objects, err error) {
	err = c.try("close", func() error {
		var errs []error
		if c.copies != nil {
			errs = append(errs, c.synchronise())
		}
		if c.blas != nil {
			errs = append(errs, c.blas.close())
		}
		if c.program != nil {
			errs = append(errs, c.program.unload())
		}
		if c.ring != nil {
			errs = append(errs, c.ring.close())
		}
		left = c.open
		if c.pool != nil {
			errs = append(errs, c.pool.close())
		}
		for _, s := range []*stream{c.compute, c.copies} {
			if s != nil {
				errs = append(errs, s.close())
			}
		}
		return errors.Join(errs...)
	})
	if c.lost == nil {
		err = errors.Join(err, c.driver.call(&c.driver.primaryCtxRelease, uintptr(c.device)))
		c.lost = errClosed
	}
	return left, err
}

// errClosed is what using a closed GPU fails with.
var errClosed = errors.New("cuda: the GPU is closed")
