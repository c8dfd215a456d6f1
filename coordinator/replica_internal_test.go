package coordinator

import (
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// Members go to the device that has the least, whole and in their order.
func TestSpread(t *testing.T) {
	var members []*member
	for i, rows := range []int{10, 70, 20, 50, 10} {
		members = append(members, &member{name: string(rune('a' + i)), batch: &ownBatch{inputs: linalg.New(linalg.I32, rows)}})
	}
	for devices, want := range map[int]string{1: "abcde", 2: "ab cde", 3: "b d ace", 9: "b d c a e"} {
		got := ""
		for i, share := range spread(members, devices) {
			if i > 0 {
				got += " "
			}
			for _, m := range share {
				got += m.name
			}
		}
		if got != want {
			t.Errorf("%d devices: %q, want %q", devices, got, want)
		}
	}
}
