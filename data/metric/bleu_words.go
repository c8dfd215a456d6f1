package metric

import (
	"strings"
	"unicode"
)

// bleuWords cuts a text as sacreBLEU's tokenizer 13a does, that of mteval-v13a.pl: at white
// space and around punctuation, but not at a full stop or comma between digits, nor at an
// apostrophe or a hyphen that follows no digit.
func bleuWords(text string) []string {
	text = strings.TrimRightFunc(text, isSpace)
	text = strings.ReplaceAll(text, "<skipped>", "")
	text = strings.ReplaceAll(text, "-\n", "")
	text = strings.ReplaceAll(text, "\n", " ")
	for _, e := range [][2]string{{"&quot;", `"`}, {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}} {
		text = strings.ReplaceAll(text, e[0], e[1])
	}
	line := parted([]rune(" " + text + " "))
	line = pairs(line, func(a, b rune) bool { return !isDigit(a) && isPoint(b) }, false, true)
	line = pairs(line, func(a, b rune) bool { return isPoint(a) && !isDigit(b) }, true, false)
	line = pairs(line, func(a, b rune) bool { return isDigit(a) && b == '-' }, false, true)
	return strings.FieldsFunc(string(line), isSpace)
}

// isSpace is what Python takes for white space.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= '\x1c' && r <= '\x1f' }

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isPoint(r rune) bool { return r == '.' || r == ',' }

// parted puts spaces around ASCII punctuation other than , - . and the apostrophe.
func parted(line []rune) []rune {
	out := make([]rune, 0, 2*len(line))
	for _, r := range line {
		switch {
		case r == '\'', r == ',', r == '-', r == '.':
			out = append(out, r)
		case r > ' ' && r <= '/', r >= ':' && r <= '@', r >= '[' && r <= '`', r >= '{' && r <= '~':
			out = append(out, ' ', r, ' ')
		default:
			out = append(out, r)
		}
	}
	return out
}

// pairs puts a space between any two neighbours that match, and one before or after the
// two. Pairs do not overlap: what ended one does not begin the next.
func pairs(line []rune, match func(a, b rune) bool, before, after bool) []rune {
	out := make([]rune, 0, 2*len(line))
	for i := 0; i < len(line); i++ {
		if i+1 == len(line) || !match(line[i], line[i+1]) {
			out = append(out, line[i])
			continue
		}
		if before {
			out = append(out, ' ')
		}
		out = append(out, line[i], ' ', line[i+1])
		if after {
			out = append(out, ' ')
		}
		i++
	}
	return out
}
