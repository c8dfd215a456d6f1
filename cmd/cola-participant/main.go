// Command cola-participant is the edge of a federation and nothing else: small, static,
// without a base model.
package main

import (
	"os"

	"github.com/gradientlearning/cola/internal/cli"
)

func main() {
	os.Exit(cli.Main(&cli.Participant{}, "cola-participant", os.Args[1:], os.Stdout, os.Stderr))
}
