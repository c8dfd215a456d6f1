// Command gen writes the assembly of package kernel: go generate in linalg/kernel runs it.
package main

import (
	"fmt"
	"os"
)

// files are what is written, by name.
var files = map[string]func() string{}

func main() {
	for name, write := range files {
		if err := os.WriteFile(name, []byte(write()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
	}
}
