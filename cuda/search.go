package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/gradientlearning/cola/cuda/internal/dl"
)

// Environment variables that name a library's file. Nothing else is tried then.
const (
	envDriver   = "COLA_LIBCUDA"
	envCompiler = "COLA_LIBNVRTC"
	envBLAS     = "COLA_LIBCUBLASLT"
)

// majors are the CUDA toolkits that cola knows the libraries of. Between them the functions
// that it calls did not change.
var majors = []int{13, 12}

// driverSearch looks for what the GPU's driver brings. Under WSL and in containers it is
// mounted into folders that the loader may not know.
func driverSearch() dl.Search {
	return dl.Search{
		Override: envDriver,
		Names:    []string{"libcuda.so.1"},
		Folders: []string{
			filepath.Join("/usr/lib", triplet()),
			"/usr/lib64",
			"/usr/lib/wsl/lib",
			"/usr/local/nvidia/lib64",
		},
	}
}

// toolkitSearch looks for a library of the CUDA toolkit that the driver can work with: its
// major version must not be above that of the CUDA which the driver supports. Wheels are
// the folders below site-packages/nvidia where NVIDIA's Python packages put it.
func toolkitSearch(override, stem string, driverMajor int, wheels ...string) dl.Search {
	s := dl.Search{Override: override}
	for _, major := range majors {
		if driverMajor == 0 || major <= driverMajor {
			s.Names = append(s.Names, fmt.Sprintf("%s.so.%d", stem, major))
		}
	}
	s.Folders = []string{"/usr/local/cuda/lib64", filepath.Join("/usr/lib", triplet()), "/usr/lib/wsl/lib"}
	if conda := os.Getenv("CONDA_PREFIX"); conda != "" {
		s.Folders = append(s.Folders, filepath.Join(conda, "lib")) // of conda's own packages
	}
	s.Folders = append(s.Folders, wheelFolders(wheels)...)
	return s
}

// wheelFolders returns those of the folders of Python packages that exist: in the
// environments that are active, in the person's own folder, and in the system's.
func wheelFolders(wheels []string) (folders []string) {
	var roots []string
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if root := os.Getenv(name); root != "" {
			roots = append(roots, root)
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		roots = append(roots, filepath.Join(home, ".local"))
	}
	roots = append(roots, "/usr/local", "/usr")
	for _, root := range roots {
		for _, packages := range []string{"site-packages", "dist-packages"} {
			// The error is of a pattern that does not parse: the root's name is odd, and has none.
			found, _ := filepath.Glob(filepath.Join(root, "lib", "python3*", packages, "nvidia"))
			slices.Reverse(found) // python3.13 before python3.12
			for _, nvidia := range found {
				for _, wheel := range wheels {
					if folder := filepath.Join(nvidia, wheel); isDir(folder) {
						folders = append(folders, folder)
					}
				}
			}
		}
	}
	return folders
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// triplet is Debian's name of the processor's folders.
func triplet() string {
	if runtime.GOARCH == "arm64" {
		return "aarch64-linux-gnu"
	}
	return "x86_64-linux-gnu"
}
