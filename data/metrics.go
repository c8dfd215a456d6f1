package data

// Accuracy is the share of examples whose class was named rightly, 0 to 1.
func Accuracy(correct, total int) float64 {
	if total == 0 {
		return 0
	}
	return float64(correct) / float64(total)
}
