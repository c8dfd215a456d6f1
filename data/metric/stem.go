package metric

import "strings"

// The stemmer is M. F. Porter's ("An algorithm for suffix stripping", Program 14 (3), 1980)
// with the changes that NLTK's PorterStemmer makes by default and rouge-score so relies on:
// words of four letters in -ies and -ied, -y only after a consonant, -alli before all of
// step 2, -bli, -fulli and -logi, two-letter stems that keep their e, and irregular words.

// irregular are words with a stem by decree.
var irregular = map[string]string{
	"sky": "sky", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news",
	"inning": "inning", "innings": "inning", "outing": "outing", "outings": "outing",
	"canning": "canning", "cannings": "canning",
	"howe": "howe", "proceed": "proceed", "exceed": "exceed", "succeed": "succeed",
}

// stem returns the stem of a word in lower case.
func stem(word string) string {
	if s, ok := irregular[word]; ok {
		return s
	}
	if len(word) <= 2 {
		return word
	}
	word = plural(word)
	word = past(word)
	if s, ok := strings.CutSuffix(word, "y"); ok && len(s) > 1 && endsInConsonant(s) {
		word = s + "i"
	}
	word = strip(doubled(word), step2, 1)
	word = strip(word, step3, 1)
	word = strip(word, step4, 2)
	return last(word)
}

// shape marks the vowels of a word: a, e, i, o, u, and y after a consonant.
func shape(word string) []bool {
	vowels := make([]bool, len(word))
	for i := range len(word) {
		switch word[i] {
		case 'a', 'e', 'i', 'o', 'u':
			vowels[i] = true
		case 'y':
			vowels[i] = i > 0 && !vowels[i-1]
		}
	}
	return vowels
}

// measure returns how often a vowel is followed by a consonant: Porter's m.
func measure(word string) int {
	m, before := 0, false
	for _, vowel := range shape(word) {
		if before && !vowel {
			m++
		}
		before = vowel
	}
	return m
}

func hasVowel(word string) bool {
	for _, vowel := range shape(word) {
		if vowel {
			return true
		}
	}
	return false
}

func endsInConsonant(word string) bool {
	vowels := shape(word)
	return !vowels[len(vowels)-1]
}

// endsInDouble is Porter's *d: the same consonant twice.
func endsInDouble(word string) bool {
	n := len(word)
	return n >= 2 && word[n-1] == word[n-2] && endsInConsonant(word)
}

// endsShort is Porter's *o: consonant, vowel, and a consonant that is not w, x or y; or a
// word that is vowel and consonant.
func endsShort(word string) bool {
	vowels := shape(word)
	n := len(word)
	if n == 2 {
		return vowels[0] && !vowels[1]
	}
	return n >= 3 && !vowels[n-3] && vowels[n-2] && !vowels[n-1] && strings.IndexByte("wxy", word[n-1]) < 0
}

// plural takes off a plural s: step 1a.
func plural(word string) string {
	switch {
	case strings.HasSuffix(word, "ies"):
		if len(word) == 4 {
			return word[:3] // ties: tie
		}
		return word[:len(word)-2]
	case strings.HasSuffix(word, "sses"):
		return word[:len(word)-2]
	case strings.HasSuffix(word, "s") && !strings.HasSuffix(word, "ss"):
		return word[:len(word)-1]
	}
	return word
}

// past takes off -ed and -ing: step 1b.
func past(word string) string {
	if s, ok := strings.CutSuffix(word, "ied"); ok {
		if len(word) == 4 {
			return s + "ie" // died: die
		}
		return s + "i"
	}
	if s, ok := strings.CutSuffix(word, "eed"); ok {
		if measure(s) > 0 {
			return s + "ee"
		}
		return word
	}
	s, ok := strings.CutSuffix(word, "ed")
	if !ok {
		s, ok = strings.CutSuffix(word, "ing")
	}
	if !ok || !hasVowel(s) {
		return word
	}
	switch end := s[len(s)-1]; {
	case strings.HasSuffix(s, "at"), strings.HasSuffix(s, "bl"), strings.HasSuffix(s, "iz"):
		return s + "e"
	case endsInDouble(s):
		if end != 'l' && end != 's' && end != 'z' {
			s = s[:len(s)-1]
		}
	case measure(s) == 1 && endsShort(s):
		return s + "e"
	}
	return s
}

// doubled takes off -alli: radically, radicalli, is radical before it is looked at again.
func doubled(word string) string {
	for {
		s, ok := strings.CutSuffix(word, "alli")
		if !ok || measure(s) == 0 {
			return word
		}
		word = s + "al"
	}
}

// rule replaces an ending of a word.
type rule struct{ from, to string }

// The rules of steps 2 to 4. The first whose ending is there decides.
var (
	step2 = []rule{
		{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
		{"bli", "ble"}, {"alli", "al"}, {"entli", "ent"}, {"eli", "e"}, {"ousli", "ous"},
		{"ization", "ize"}, {"ation", "ate"}, {"ator", "ate"}, {"alism", "al"}, {"iveness", "ive"},
		{"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"}, {"iviti", "ive"}, {"biliti", "ble"},
		{"fulli", "ful"}, {"logi", "log"},
	}
	step3 = []rule{
		{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""},
	}
	step4 = []rule{
		{"al", ""}, {"ance", ""}, {"ence", ""}, {"er", ""}, {"ic", ""}, {"able", ""}, {"ible", ""},
		{"ant", ""}, {"ement", ""}, {"ment", ""}, {"ent", ""}, {"ion", ""}, {"ou", ""}, {"ism", ""},
		{"ate", ""}, {"iti", ""}, {"ous", ""}, {"ive", ""}, {"ize", ""},
	}
)

// strip applies the first rule whose ending the word has, if what stays measures enough.
func strip(word string, rules []rule, enough int) string {
	for _, r := range rules {
		s, ok := strings.CutSuffix(word, r.from)
		if !ok {
			continue
		}
		measured := s
		if r.from == "logi" {
			measured += "l" // so that geologi counts as archaeologi does
		}
		if measure(measured) < enough {
			return word
		}
		if r.from == "ion" && !strings.HasSuffix(s, "s") && !strings.HasSuffix(s, "t") {
			return word
		}
		return s + r.to
	}
	return word
}

// last takes off a last e, and one of a last double l: step 5.
func last(word string) string {
	if s, ok := strings.CutSuffix(word, "e"); ok {
		if m := measure(s); m > 1 || m == 1 && !endsShort(s) {
			word = s
		}
	}
	if strings.HasSuffix(word, "ll") && measure(word[:len(word)-1]) > 1 {
		word = word[:len(word)-1]
	}
	return word
}
