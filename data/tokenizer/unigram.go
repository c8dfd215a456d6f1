package tokenizer

import (
	"fmt"
	"io"
	"math"
	"unicode/utf8"
)

// unknownPenalty is how much worse an unknown character is than the worst token.
const unknownPenalty = 10

// unigram cuts a text into the tokens whose scores, their log probabilities, have the largest
// sum (Kudo 2018). A character that no token has costs more than any, and several behind each
// other are one unknown token, or the tokens of their bytes.
type unigram struct {
	vocab        *vocabulary
	scores       []float64        // by id
	usable       map[string]int32 // the tokens that a text may be cut into
	unknown      int32
	byteFallback bool

	bytes   [256]int32
	longest int     // bytes of the longest token
	worst   float64 // score of an unknown character
}

// finish derives the fields at the end from the others.
func (m *unigram) finish() error {
	if m.unknown < 0 || int(m.unknown) >= len(m.scores) {
		return fmt.Errorf("the token for what is unknown has the id %d, and there are %d", m.unknown, len(m.scores))
	}
	m.worst = math.Inf(1)
	for token, id := range m.usable {
		m.longest = max(m.longest, len(token))
		m.worst = min(m.worst, m.scores[id])
	}
	m.worst -= unknownPenalty
	for b := range m.bytes {
		m.bytes[b] = m.vocab.id(fmt.Sprintf("<0x%02X>", b))
	}
	return nil
}

// ending is the best way to cut a text up to some byte: its last token and where that begins.
type ending struct {
	score float64
	start int
	id    int32
}

func (m *unigram) encode(ids []int32, text string) []int32 {
	best := m.search(text)
	var tokens []ending // from the last to the first
	for end := len(text); end > 0; end = best[end].start {
		tokens = append(tokens, best[end])
	}
	for i := len(tokens) - 1; i >= 0; i-- {
		start, id := tokens[i].start, tokens[i].id
		if id != m.unknown {
			ids = append(ids, id)
			continue
		}
		for i > 0 && tokens[i-1].id == m.unknown {
			i--
		}
		end := len(text)
		if i > 0 {
			end = tokens[i-1].start
		}
		ids = m.appendUnknown(ids, text[start:end])
	}
	return ids
}

// search returns the best ending at each byte.
func (m *unigram) search(text string) []ending {
	best := make([]ending, len(text)+1)
	for i := range best {
		best[i].start = -1
	}
	offer := func(start, end int, id int32, score float64) {
		if score += best[start].score; best[end].start < 0 || score > best[end].score {
			best[end] = ending{score, start, id}
		}
	}
	for start, r := range text {
		single := start + utf8.RuneLen(r) // where the character itself ends
		known := false
		for end := single; end <= len(text) && end-start <= m.longest; {
			if id, ok := m.usable[text[start:end]]; ok {
				offer(start, end, id, m.scores[id])
				known = known || end == single
			}
			if end == len(text) {
				break
			}
			_, n := utf8.DecodeRuneInString(text[end:])
			end += n
		}
		if !known {
			offer(start, single, m.unknown, m.worst)
		}
	}
	return best
}

// appendUnknown appends what stands for a text that no token has.
func (m *unigram) appendUnknown(ids []int32, text string) []int32 {
	if id, ok := m.usable[text]; ok {
		return append(ids, id)
	}
	if !m.byteFallback {
		return append(ids, m.unknown)
	}
	start := len(ids)
	for i := range len(text) {
		id := m.bytes[text[i]]
		if id < 0 {
			return append(ids[:start], m.unknown)
		}
		ids = append(ids, id)
	}
	return ids
}

func (m *unigram) describe(w io.Writer) {
	fmt.Fprintf(w, "unigram unknown=%d fallback=%t\n", m.unknown, m.byteFallback)
	for id, token := range m.vocab.tokens {
		if _, ok := m.usable[token]; ok {
			fmt.Fprintf(w, "%d %q %x\n", id, token, m.scores[id])
		} else {
			fmt.Fprintf(w, "%d %q\n", id, token)
		}
	}
}
