package report

import (
	"fmt"
	"math"
	"time"
)

// absent stands where there is no number.
const absent = "–"

// percent writes a share as a percentage: 0.9713 is "97.1%".
func percent(share float64) string {
	if math.IsNaN(share) {
		return absent
	}
	return fmt.Sprintf("%.1f%%", 100*share)
}

// number writes a loss: three digits that matter, or an exponent where it is tiny.
func number(x float64) string {
	switch {
	case math.IsNaN(x):
		return absent
	case x != 0 && math.Abs(x) < 1e-3:
		return fmt.Sprintf("%.2e", x)
	}
	return fmt.Sprintf("%.4f", x)
}

// Size writes bytes in decimal units, as disks and networks count: "12.3 MB".
func Size(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	x, unit := float64(n)/1000, 0
	// 999.95 would be printed as 1000.0 of its unit.
	for x >= 999.95 && unit < len(units)-1 {
		x /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", x, units[unit])
}

// duration writes seconds: "4.1 s", "2 min 05 s", "3 h 07 min".
func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", seconds)
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}
