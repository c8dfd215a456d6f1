// Package golden reads folders of reference numbers that another implementation computed for
// a model of text, and compares what cola computes with them. docs/golden.md describes the
// folders; cola verify --golden is the command.
package golden
