//go:build !amd64

package row

func widenBF16(*float32, *uint16, int) bool { return false }

func narrowBF16(*uint16, *float32, int) bool { return false }

func widenF16(*float32, *uint16, int) bool { return false }

func narrowF16(*uint16, *float32, int) bool { return false }
