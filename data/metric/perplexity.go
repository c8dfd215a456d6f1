package metric

import (
	"fmt"
	"math"
)

// Perplexity returns exp(loss/tokens), 1 to +Inf: loss is the cross entropy in nats, summed
// over tokens labelled tokens. It is +Inf where that is beyond a float64.
func Perplexity(loss float64, tokens int) (float64, error) {
	if tokens < 1 {
		return 0, fmt.Errorf("%w: perplexity is over labelled tokens, and there are %d", ErrInput, tokens)
	}
	if math.IsNaN(loss) || loss < 0 {
		return 0, fmt.Errorf("%w: the summed loss is %v, and a cross entropy is at least 0", ErrInput, loss)
	}
	return math.Exp(loss / float64(tokens)), nil
}
