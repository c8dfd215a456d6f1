package cuda

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

func TestErrorSaysWhatWhereAndWhatToDo(t *testing.T) {
	for name, tt := range map[string]struct {
		err    Error
		want   string
		sticky bool
	}{
		"late": {
			Error{
				Lib: libDriver, Op: "Download", Call: "cuStreamSynchronize", Code: 700, Name: "CUDA_ERROR_ILLEGAL_ADDRESS",
				Message: "an illegal memory access was encountered", Launches: []string{"cola_add_f32", "cola_scale_f32"},
			},
			"cuda: Download: cuStreamSynchronize: an illegal memory access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS, 700)" +
				"; launched last: cola_add_f32, cola_scale_f32; the GPU is lost to this process: restart it",
			true,
		},
		"memory": {
			Error{
				Lib: libDriver, Op: "New", Call: "cuMemAllocAsync", Code: 2, Name: "CUDA_ERROR_OUT_OF_MEMORY", Message: "out of memory",
				Detail: "2.0 GiB asked for",
			},
			"cuda: New: cuMemAllocAsync: out of memory (CUDA_ERROR_OUT_OF_MEMORY, 2); 2.0 GiB asked for" +
				"; take smaller batches, or free the GPU of other programs",
			false,
		},
		"compiler": {
			Error{Lib: libCompiler, Op: "compile x.cu", Call: "nvrtcCompileProgram", Code: 6, Name: "NVRTC_ERROR_COMPILATION", Message: "failed", Log: "x.cu(1): error: no\n"},
			"cuda: compile x.cu: nvrtcCompileProgram: failed (NVRTC_ERROR_COMPILATION, 6)\nx.cu(1): error: no",
			false,
		},
		"another library's 700": {
			Error{Lib: libBLAS, Call: "cublasLtMatmul", Code: 700, Name: "?", Message: "?"},
			"cuda: cublasLtMatmul: ? (?, 700)",
			false,
		},
		"a launch that is too large": {
			Error{Lib: libDriver, Op: "Add", Call: "cuLaunchKernel", Code: 701, Name: "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", Message: "too many resources requested for launch"},
			"cuda: Add: cuLaunchKernel: too many resources requested for launch (CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, 701)",
			false,
		},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%s: the error is\n%s\nwant\n%s", name, got, tt.want)
		}
		if got := tt.err.Sticky(); got != tt.sticky {
			t.Errorf("%s: sticky is %v", name, got)
		}
	}
}

func TestOutOfMemoryIsLinalgs(t *testing.T) {
	wrapped := fmt.Errorf("step: %w", &Error{Lib: libDriver, Code: codeOutOfMemory})
	if !IsOutOfMemory(wrapped) || !errors.Is(wrapped, linalg.ErrOutOfMemory) {
		t.Error("a lack of memory is not recognised")
	}
	for _, err := range []error{nil, errors.New("other"), &Error{Lib: libBLAS, Code: codeOutOfMemory}, &Error{Lib: libDriver, Code: 700}} {
		if IsOutOfMemory(err) {
			t.Errorf("%v is taken for a lack of memory", err)
		}
	}
}
