package metric

import (
	"errors"
	"fmt"
)

// ErrInput means that no score can be given: nothing to score, or predictions and labels
// that do not belong together.
var ErrInput = errors.New("cannot be scored")

// Score is one number by its name, the one that Hugging Face's evaluate library has for it.
type Score struct {
	Name  string
	Value float64
}

// paired fails where there is nothing to score, or not one answer for each prediction.
func paired(predictions, answers int) error {
	if predictions != answers {
		return fmt.Errorf("%w: there are %d predictions and %d answers to hold them against", ErrInput, predictions, answers)
	}
	if predictions == 0 {
		return fmt.Errorf("%w: there are no predictions", ErrInput)
	}
	return nil
}

// referenced fails where there is nothing to score, or a prediction without a reference.
func referenced(predictions []string, references [][]string) error {
	if err := paired(len(predictions), len(references)); err != nil {
		return err
	}
	for i, r := range references {
		if len(r) == 0 {
			return fmt.Errorf("%w: prediction %d has no reference (an empty text is one)", ErrInput, i)
		}
	}
	return nil
}
