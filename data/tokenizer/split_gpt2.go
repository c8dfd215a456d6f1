package tokenizer

import "unicode/utf8"

// gpt2Pattern is the regular expression that GPT-2 cuts text by. Go's regexp has no
// look-ahead, so that nextGPT2 follows it by hand.
const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// nextGPT2 returns where the match that begins at i ends.
func nextGPT2(s string, i int) int {
	if s[i] == '\'' {
		if n := contraction(s[i:]); n > 0 {
			return i + n
		}
	}
	c, n := classAt(s, i)
	if s[i] == ' ' && i+1 < len(s) {
		if after, m := classAt(s, i+1); after != space {
			return run(s, i+1+m, after)
		}
	}
	if c != space {
		return run(s, i+n, c)
	}
	return spaces(s, i)
}

// contraction returns the length of the 's, 't, 're, 've, 'm, 'll or 'd that s begins with.
func contraction(s string) int {
	if len(s) >= 2 {
		switch s[1] {
		case 's', 't', 'm', 'd':
			return 2
		}
	}
	if len(s) >= 3 {
		switch s[1:3] {
		case "re", "ve", "ll":
			return 3
		}
	}
	return 0
}

// spaces returns where `\s+(?!\S)|\s+` ends that begins at i: before the last of several
// spaces if something else follows, so that the last one may go with that.
func spaces(s string, i int) int {
	end := run(s, i, space)
	if end == len(s) {
		return end
	}
	_, last := utf8.DecodeLastRuneInString(s[i:end])
	if end-last > i {
		return end - last
	}
	return end
}
