// Package table reads records: rows of named columns out of JSON lines, JSON, CSV, TSV and
// Parquet files, plain or compressed (.gz, .zst).
//
// [Rows] reads one row after the other and keeps none of them, so that a file may be larger
// than memory. What is wrong with a file, or with a cell that is asked for, is said with the
// file, the line and the column.
package table
