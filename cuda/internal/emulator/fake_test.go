package emulator

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

func TestContextIsOfAThread(t *testing.T) {
	d := bareDriver(t)
	var p, context uintptr
	d.want(notInitialised, "cuMemAlloc_v2", uintptr(unsafe.Pointer(&p)), 64)
	d.want(0, "cuInit", 0)
	d.want(invalidContext, "cuMemAlloc_v2", uintptr(unsafe.Pointer(&p)), 64)
	d.want(0, "cuDevicePrimaryCtxRetain", uintptr(unsafe.Pointer(&context)), 0)
	defer d.call("cuDevicePrimaryCtxRelease_v2", 0)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	d.want(0, "cuCtxSetCurrent", context)
	d.want(0, "cuMemAlloc_v2", uintptr(unsafe.Pointer(&p)), 64)
	done := make(chan int)
	go func() {
		runtime.LockOSThread() // a thread of its own, which nobody gets after it
		done <- d.call("cuMemFree_v2", p)
	}()
	if code := <-done; code != invalidContext {
		t.Errorf("another thread gets %d, want %d", code, invalidContext)
	}
	d.want(0, "cuMemFree_v2", p)
	d.want(0, "cuCtxSetCurrent", 0)
	d.want(invalidContext, "cuMemAlloc_v2", uintptr(unsafe.Pointer(&p)), 64)
}

func TestNoDevice(t *testing.T) {
	d := bareDriver(t)
	d.fake.Set("devices", 0)
	d.want(noDevice, "cuInit", 0)
}

// Nothing happens before somebody waits: pinned memory is read then, any other at once.
func TestCopies(t *testing.T) {
	d := newDriver(t)
	s, p, q := d.stream(), d.memory(8), d.memory(8)
	if x := d.download(p, 2, s); x[0] == x[0] || x[1] == x[1] {
		t.Errorf("new memory has %v, want NaN", x)
	}
	late, soon := d.pinned(2), []float32{1, 2}
	late[0], late[1] = 1, 2
	d.upload(p, late, s)
	d.upload(q, soon, s)
	late[0], soon[0] = 7, 7
	if got := d.download(p, 2, s); !cmp.Equal(got, []float32{7, 2}) {
		t.Errorf("from pinned memory came %v", got)
	}
	if got := d.download(q, 2, s); !cmp.Equal(got, []float32{1, 2}) {
		t.Errorf("from other memory came %v", got)
	}
	d.want(0, "cuMemcpyDtoHAsync_v2", uintptr(unsafe.Pointer(&late[0])), q, 8, s)
	if late[0] != 7 {
		t.Error("a copy to pinned memory was made before somebody waited")
	}
	d.want(0, "cuMemcpyDtoDAsync_v2", p, q, 4, s)
	d.want(0, "cuMemsetD8Async", q, 0, 8, s)
	d.want(0, "cuStreamSynchronize", s)
	if late[0] != 1 || late[1] != 2 {
		t.Errorf("to pinned memory came %v", late)
	}
	if got := append(d.download(p, 2, s), d.download(q, 2, s)...); !cmp.Equal(got, []float32{1, 2, 0, 0}) {
		t.Errorf("copied and cleared: %v", got)
	}
	d.want(invalidValue, "cuMemsetD8Async", p, 0, 9, s)
	d.want(invalidValue, "cuMemcpyDtoDAsync_v2", p, q+4, 8, s)
}

func TestEvents(t *testing.T) {
	d := newDriver(t)
	first, second, e, p := d.stream(), d.stream(), d.event(), d.memory(8)
	x := d.pinned(2)
	x[0], x[1] = 3, 4
	d.want(0, "cuEventQuery", e) // one that was never recorded has nothing to wait for
	d.upload(p, x, first)
	d.want(0, "cuEventRecord", e, first)
	d.want(0, "cuMemsetD8Async", p, 0, 8, first) // behind the event: nobody asks for it
	d.want(0, "cuStreamWaitEvent", second, e, 0)
	if got := d.download(p, 2, second); !cmp.Equal(got, []float32{3, 4}) {
		t.Errorf("behind the event is %v", got)
	}
	d.want(0, "cuEventQuery", e)
	d.want(0, "cuEventRecord", e, first)
	for i := 0; ; i++ {
		if code := d.call("cuEventQuery", e); code == 0 && i > 0 {
			break
		} else if code != notReady || i > 10 {
			t.Fatalf("query %d returns %d", i, code)
		}
	}
	d.want(0, "cuEventRecord", e, first)
	d.want(0, "cuEventSynchronize", e)
	d.want(0, "cuEventQuery", e)
}

func TestMemoryLimit(t *testing.T) {
	d := newDriver(t)
	d.fake.MemoryLimit(10000)
	s := d.stream()
	var pool, p, q, free, total uintptr
	threshold := ^uint64(0)
	d.want(0, "cuDeviceGetDefaultMemPool", uintptr(unsafe.Pointer(&pool)), 0)
	d.want(0, "cuMemPoolSetAttribute", pool, 4, uintptr(unsafe.Pointer(&threshold)))
	d.want(0, "cuMemAllocAsync", uintptr(unsafe.Pointer(&p)), 6000, s)
	d.want(outOfMemory, "cuMemAllocAsync", uintptr(unsafe.Pointer(&q)), 6000, s)
	d.want(0, "cuMemFreeAsync", p, s)
	d.want(0, "cuMemAllocAsync", uintptr(unsafe.Pointer(&p)), 6000, s) // what was freed before it in the stream
	d.want(0, "cuMemFreeAsync", p, s)
	d.want(0, "cuStreamSynchronize", s)
	d.want(0, "cuMemGetInfo_v2", uintptr(unsafe.Pointer(&free)), uintptr(unsafe.Pointer(&total)))
	if free != 4000 || total != 10000 {
		t.Errorf("%d of %d bytes are free; the pool keeps 6000", free, total)
	}
	d.want(outOfMemory, "cuMemAlloc_v2", uintptr(unsafe.Pointer(&p)), 6000)
	d.want(0, "cuMemPoolTrimTo", pool, 0)
	d.want(0, "cuMemAlloc_v2", uintptr(unsafe.Pointer(&p)), 6000)
	d.want(0, "cuMemFree_v2", p)
	d.want(invalidValue, "cuMemFree_v2", p)
}

func TestLaunch(t *testing.T) {
	d := newDriver(t)
	s, y, x := d.stream(), d.memory(512), d.memory(512)
	f := d.function("small_blocks")
	in := numbers(128)
	d.upload(x, in, s)
	d.want(0, "cuMemsetD8Async", y, 0, 512, s)
	if code := d.launch(f, 64, 0, s, y, x); code != 0 {
		t.Fatal(code)
	}
	if got := d.download(y, 64, s); !cmp.Equal(got, in[:64]) {
		t.Error("the kernel did not copy")
	}
	if code := d.launch(f, 128, 0, s, y, x); code != noResources {
		t.Errorf("a block too large: %d", code)
	}
	if code := d.launch(f, 2048, 0, s, y, x); code != invalidValue {
		t.Errorf("a block that no GPU has: %d", code)
	}
	if code := d.launch(f, 64, 50000, s, y, x); code != invalidValue {
		t.Errorf("more shared memory than was asked for: %d", code)
	}
	d.want(0, "cuFuncSetAttribute", f, 8, 50000)
	if code := d.launch(f, 64, 50000, s, y, x); code != 0 {
		t.Errorf("as much shared memory as was asked for: %d", code)
	}
	d.want(invalidValue, "cuFuncSetAttribute", f, 8, 300000)
	var offset, size uint64
	d.want(0, "cuFuncGetParamInfo", f, 1, uintptr(unsafe.Pointer(&offset)), uintptr(unsafe.Pointer(&size)))
	if offset != 8 || size != 8 {
		t.Errorf("the second parameter has %d bytes at %d", size, offset)
	}
	d.want(invalidValue, "cuFuncGetParamInfo", f, 2, uintptr(unsafe.Pointer(&offset)), uintptr(unsafe.Pointer(&size)))
	d.want(0, "cuStreamSynchronize", s)
}

// What a kernel does wrong is found out when somebody waits, and nothing works from then on.
func TestLostContext(t *testing.T) {
	for _, c := range []struct {
		kernel, words string
		code          int
	}{
		{"write_behind", "an illegal memory access was encountered (emulator: kernel write_behind: something wrote to byte 512 of an allocation of 512)", illegalAddress},
		{"divergent_barrier", "unspecified launch failure (emulator: kernel divergent_barrier, block (0, 0, 0): deadlock: ", launchFailed},
	} {
		t.Run(c.kernel, func(t *testing.T) {
			d := newDriver(t)
			d.fake.Schedule(Random(1))
			s, y, x := d.stream(), d.memory(512), d.memory(512)
			d.want(0, "cuMemsetD8Async", x, 0, 512, s)
			if code := d.launch(d.function(c.kernel), 128, 0, s, y, x); code != 0 {
				t.Fatalf("the launch returns %d, before the kernel's turn", code)
			}
			d.want(c.code, "cuStreamSynchronize", s)
			d.want(c.code, "cuStreamSynchronize", s)
			d.want(c.code, "cuMemFree_v2", y)
			var event uintptr
			d.want(c.code, "cuEventCreate", uintptr(unsafe.Pointer(&event)), 0)
			if got := d.words(c.code); !strings.HasPrefix(got, c.words) {
				t.Errorf("the words are %q, want %q", got, c.words)
			}
			d.fake.Reset() // another process, as it were
			d.want(notInitialised, "cuStreamSynchronize", s)
		})
	}
}

// Memory that is freed in a stream is lost to what comes behind it.
func TestUseAfterFree(t *testing.T) {
	d := newDriver(t)
	s, p := d.stream(), uintptr(0)
	d.want(0, "cuMemAllocAsync", uintptr(unsafe.Pointer(&p)), 64, s)
	d.want(0, "cuMemFreeAsync", p, s)
	d.want(0, "cuMemsetD8Async", p, 0, 64, s)
	d.want(illegalAddress, "cuStreamSynchronize", s)
	if got := d.words(illegalAddress); !strings.Contains(got, "memset of 64 bytes at 0x") {
		t.Errorf("the words are %q", got)
	}
	d.fake.Reset()
}

func TestOrderedFailures(t *testing.T) {
	d := newDriver(t)
	d.fake.Fail("cuMemAlloc_v2", 2, outOfMemory)
	d.memory(8)
	var p uintptr
	d.want(outOfMemory, "cuMemAlloc_v2", uintptr(unsafe.Pointer(&p)), 8)
	d.memory(8)
	d.fake.Fail("nvrtcCompileProgram", 1, 11)
	if _, err := d.compile("faulty.cu", "--gpu-architecture=sm_90", "--fmad=false"); err == nil || !strings.HasPrefix(err.Error(), "11: ") {
		t.Errorf("the compiler returns %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a setting that is none was set")
		}
	}()
	d.fake.Set("colour", 1)
}

func TestLeaks(t *testing.T) {
	d := newDriver(t)
	d.stream()
	d.event()
	d.memory(100)
	d.memory(28)
	d.pinned(1)
	d.function("small_blocks")
	want := "1 primary context\n2 allocations, 128 bytes\n1 pinned buffers\n1 streams\n1 events\n1 modules\n"
	if diff := cmp.Diff(want, d.fake.Leaks()); diff != "" {
		t.Error(diff)
	}
}

// A process reads its settings from its environment.
func TestEnvironment(t *testing.T) {
	if os.Getenv("COLA_FAKE") != "" {
		d := bareDriver(t)
		d.want(0, "cuInit", 0)
		var version int32
		d.want(0, "cuDriverGetVersion", uintptr(unsafe.Pointer(&version)))
		d.want(999, "cuDriverGetVersion", uintptr(unsafe.Pointer(&version)))
		if version != 12040 {
			t.Errorf("the version is %d", version)
		}
		return
	}
	for settings, good := range map[string]bool{
		"driver=12040,fail=cuDriverGetVersion:2:999": true,
		"driver=1,nonsense":                          false,
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestEnvironment$")
		cmd.Env = append(os.Environ(), "COLA_FAKE="+settings)
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.ENOEXEC) {
			t.Skip("this program runs in an emulator of its processor, and can start no others")
		}
		if _, failed := errors.AsType[*exec.ExitError](err); failed == good {
			t.Errorf("%s: %v\n%s", settings, err, out)
		}
	}
}
