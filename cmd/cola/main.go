// Command cola fine-tunes one frozen model for many participants: it simulates a whole
// federation, runs either side of a real one, and looks into what they leave behind.
package main

import (
	"os"

	"github.com/gradientlearning/cola/internal/cli"
)

func main() {
	os.Exit(cli.Main(&root{}, "cola", os.Args[1:], os.Stdout, os.Stderr))
}
