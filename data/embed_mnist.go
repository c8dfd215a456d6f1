//go:build embedmnist

package data

import "embed"

//go:embed mnist/*.gz
var mnistFiles embed.FS

func init() { embedded = mnistFiles }
