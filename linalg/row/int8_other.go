//go:build !amd64

package row

func int8Largest(*uint32, *float32, int) bool { return false }

func int8Round(*int8, *float32, *float32, int, uint32, roundingKey) {}

func int8Values(*float32, *int8, *float32, int) bool { return false }
