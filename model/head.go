package model

// newHead declares a classification head, which is a site whatever was asked for.
func newHead(input, in, classes int, bias bool) *linear {
	l := newUnbiased(input, in, classes)
	if bias {
		l = newLinear(input, in, classes)
	}
	l.head = true
	return l
}

// newLMHead declares the head of a language model; its weight may be that of the tokens'
// embedding.
func newLMHead(input, width, vocabulary int, tied bool) *linear {
	l := newUnbiased(input, width, vocabulary)
	l.output, l.tied = true, tied
	return l
}

// biasNames are the names under which checkpoints hold the bias of a masked-LM head, the one
// to write first. Where nothing is tied they may hold two biases, and the decoder's own is
// the one that is added.
func biasNames(name, own, decoder string, head *linear) []string {
	switch {
	case name != own || head == nil:
		return []string{name}
	case head.tied:
		return []string{own, decoder}
	default:
		return []string{decoder, own}
	}
}

// tieHead gives a tied head the embedding's weight.
func tieHead(head *linear, tokens *embedding) {
	if head != nil && head.tied {
		head.Weight = tokens.Weight
	}
}
