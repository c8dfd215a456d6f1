package cuda

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gradientlearning/cola/cuda/kernels"
)

// realCompiler opens NVIDIA's libnvrtc, which needs no GPU. Where it is neither known to
// the loader nor in a Python environment, COLA_LIBNVRTC may name it.
func realCompiler(t *testing.T) *compiler {
	t.Helper()
	n, err := loadCompiler(0)
	if err != nil {
		t.Skipf("libnvrtc is not here, so the kernels are not compiled as on a machine with a GPU: %v", err)
	}
	return n
}

// TestSourcesCompile compiles every kernel as it will be on GPUs of two generations.
func TestSourcesCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes minutes of one processor")
	}
	n := realCompiler(t)
	headers, sources := split(kernels.Source())
	for _, capability := range []int{75, 80, 90} {
		arch, err := n.target(capability)
		if err != nil || arch != capability {
			t.Fatalf("the target for %d is %d, %v", capability, arch, err)
		}
		for _, source := range sources {
			t.Run(fmt.Sprintf("sm_%d/%s", arch, source.Name), func(t *testing.T) {
				t.Parallel()
				begin := time.Now()
				cubin, err := n.compile(source, headers, flags(arch))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.HasPrefix(cubin, []byte("\x7fELF")) {
					t.Errorf("it became no ELF file: %d bytes", len(cubin))
				}
				t.Logf("%s: %d bytes in %v", n.name(), len(cubin), time.Since(begin))
			})
		}
	}
}

func TestCompileErrorsHaveTheLog(t *testing.T) {
	n := realCompiler(t)
	source := kernels.File{Name: "wrong.cu", Text: "#include \"given.h\"\nextern \"C\" __global__ void k(given* x) { undeclared(x); }\n"}
	headers := []kernels.File{{Name: "given.h", Text: "typedef float given;\n"}}
	_, err := n.compile(source, headers, flags(80))
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Lib != libCompiler || e.Name != "NVRTC_ERROR_COMPILATION" || !strings.Contains(e.Log, `wrong.cu(2): error: identifier "undeclared" is undefined`) {
		t.Errorf("the error is %v", err)
	}
}

func TestTargetIsTheNewestThatTheGPURuns(t *testing.T) {
	n := realCompiler(t)
	for capability, want := range map[int]int{80: 80, 90: 90, 95: 90, 690: 0} {
		got, err := n.target(capability)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("the target for %d is %d, %v; want %d", capability, got, err, want)
		}
	}
}
