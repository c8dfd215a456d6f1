package metric

// words cuts a text as rouge-score does: letters a to z, in lower case, and digits make
// words, and everything else parts them, accented letters included. With stems, words of
// more than three characters are replaced by their stems.
func words(text string, stems bool) []string {
	var found []string
	var word []byte
	end := func() {
		if len(word) == 0 {
			return
		}
		w := string(word)
		word = word[:0]
		if stems && len(w) > 3 {
			w = stem(w)
		}
		if w != "" {
			found = append(found, w)
		}
	}
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			word = append(word, byte(r))
		case r >= 'A' && r <= 'Z':
			word = append(word, byte(r)-'A'+'a')
		case r == '\u212a': // the sign of kelvin: k in lower case
			word = append(word, 'k')
		case r == '\u0130': // a capital i with a dot: i and a combining dot
			word = append(word, 'i')
			end()
		default:
			end()
		}
	}
	end()
	return found
}
