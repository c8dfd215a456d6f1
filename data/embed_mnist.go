//go:build embedmnist

package data

import "embed"

// mnistFiles is copied from the module GoMNIST by make dist; it is not in the repository.
//
//go:embed mnist/*.gz
var mnistFiles embed.FS

func init() { embedded = mnistFiles }
