package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// The patterns of Llama 3, which is OpenAI's cl100k as Hugging Face writes it, and of Qwen 2,
// which differs in that it takes digits one by one.
const (
	llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Pattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// patterns is the regular expressions that there is a scanner for.
var patterns = map[string]pattern{
	gpt2Pattern:   gpt2,
	llama3Pattern: {"llama3", func(s string, i int) int { return nextLlama3(s, i, 3) }},
	qwen2Pattern:  {"qwen2", func(s string, i int) int { return nextLlama3(s, i, 1) }},
}

// nextLlama3 returns where the match that begins at i ends; digits is how many go together.
func nextLlama3(s string, i, digits int) int {
	if s[i] == '\'' {
		if n := anyContraction(s[i:]); n > 0 {
			return i + n
		}
	}
	c, n := classAt(s, i)
	switch {
	case c == letter:
		return run(s, i+n, letter)
	case c == number:
		return someNumbers(s, i, digits)
	}
	if s[i] != '\r' && s[i] != '\n' && i+n < len(s) {
		if after, m := classAt(s, i+n); after == letter {
			return run(s, i+n+m, letter)
		}
	}
	marks := i // ` ?[^\s\p{L}\p{N}]+[\r\n]*`
	if s[i] == ' ' {
		marks++
	}
	if end := run(s, marks, other); end > marks {
		return end + len(s[end:]) - len(strings.TrimLeft(s[end:], "\r\n"))
	}
	end := run(s, i, space)
	if last := strings.LastIndexAny(s[i:end], "\r\n"); last >= 0 {
		return i + last + 1
	}
	return spaces(s, i)
}

// someNumbers returns where at most so many numbers end.
func someNumbers(s string, i, most int) int {
	for ; most > 0 && i < len(s); most-- {
		c, n := classAt(s, i)
		if c != number {
			break
		}
		i += n
	}
	return i
}

// anyContraction is contraction in great letters too; the long s folds to s.
func anyContraction(s string) int {
	short := s[:min(len(s), 3)]
	if n := contraction(strings.ToLower(short)); n > 0 {
		return n
	}
	if r, n := utf8.DecodeRuneInString(s[1:]); r == 'ſ' {
		return 1 + n
	}
	return 0
}
