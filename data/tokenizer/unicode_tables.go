package tokenizer

import "unicode"

// Go has Unicode 15. The reference has 16 where it splits, and about 9 where it follows BERT:
// the tables here are the differences, found by asking it about every code point.

// laterLetters is the letters of Unicode 16 that Unicode 15 lacks.
var laterLetters = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1c89, Hi: 0x1c8a, Stride: 1}, {Lo: 0xa7cb, Hi: 0xa7cd, Stride: 1}, {Lo: 0xa7da, Hi: 0xa7dc, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x105c0, Hi: 0x105f3, Stride: 1}, {Lo: 0x10d4a, Hi: 0x10d65, Stride: 1}, {Lo: 0x10d6f, Hi: 0x10d85, Stride: 1},
		{Lo: 0x10ec2, Hi: 0x10ec4, Stride: 1}, {Lo: 0x11380, Hi: 0x11389, Stride: 1}, {Lo: 0x1138b, Hi: 0x1138b, Stride: 1},
		{Lo: 0x1138e, Hi: 0x1138e, Stride: 1}, {Lo: 0x11390, Hi: 0x113b5, Stride: 1}, {Lo: 0x113b7, Hi: 0x113b7, Stride: 1},
		{Lo: 0x113d1, Hi: 0x113d1, Stride: 1}, {Lo: 0x113d3, Hi: 0x113d3, Stride: 1}, {Lo: 0x11bc0, Hi: 0x11be0, Stride: 1},
		{Lo: 0x13460, Hi: 0x143fa, Stride: 1}, {Lo: 0x16100, Hi: 0x1611d, Stride: 1}, {Lo: 0x16d40, Hi: 0x16d6c, Stride: 1},
		{Lo: 0x18cff, Hi: 0x18cff, Stride: 1}, {Lo: 0x1e5d0, Hi: 0x1e5ed, Stride: 1}, {Lo: 0x1e5f0, Hi: 0x1e5f0, Stride: 1},
		{Lo: 0x2ebf0, Hi: 0x2ee5d, Stride: 1},
	},
}

// laterNumbers is the numbers of Unicode 16 that Unicode 15 lacks.
var laterNumbers = &unicode.RangeTable{
	R32: []unicode.Range32{
		{Lo: 0x10d40, Hi: 0x10d49, Stride: 1}, {Lo: 0x116d0, Hi: 0x116e3, Stride: 1}, {Lo: 0x11bf0, Hi: 0x11bf9, Stride: 1},
		{Lo: 0x16130, Hi: 0x16139, Stride: 1}, {Lo: 0x16d70, Hi: 0x16d79, Stride: 1}, {Lo: 0x1ccf0, Hi: 0x1ccf9, Stride: 1},
		{Lo: 0x1e5f1, Hi: 0x1e5fa, Stride: 1},
	},
}

// laterFormats is the control characters that the reference does not know as such.
var laterFormats = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0009, Hi: 0x000a, Stride: 1}, {Lo: 0x000d, Hi: 0x000d, Stride: 1}, {Lo: 0x0890, Hi: 0x0891, Stride: 1},
		{Lo: 0x08e2, Hi: 0x08e2, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x110cd, Hi: 0x110cd, Stride: 1}, {Lo: 0x13430, Hi: 0x1343f, Stride: 1},
	},
}

// laterMarks is the nonspacing marks (Mn) that BERT's normaliser does not know as such.
var laterMarks = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x07fd, Hi: 0x07fd, Stride: 1}, {Lo: 0x0898, Hi: 0x089f, Stride: 1}, {Lo: 0x08ca, Hi: 0x08e1, Stride: 1},
		{Lo: 0x09fe, Hi: 0x09fe, Stride: 1}, {Lo: 0x0afa, Hi: 0x0aff, Stride: 1}, {Lo: 0x0b55, Hi: 0x0b55, Stride: 1},
		{Lo: 0x0c04, Hi: 0x0c04, Stride: 1}, {Lo: 0x0c3c, Hi: 0x0c3c, Stride: 1}, {Lo: 0x0d00, Hi: 0x0d00, Stride: 1},
		{Lo: 0x0d3b, Hi: 0x0d3c, Stride: 1}, {Lo: 0x0d81, Hi: 0x0d81, Stride: 1}, {Lo: 0x0eba, Hi: 0x0eba, Stride: 1},
		{Lo: 0x0ece, Hi: 0x0ece, Stride: 1}, {Lo: 0x180f, Hi: 0x180f, Stride: 1}, {Lo: 0x1885, Hi: 0x1886, Stride: 1},
		{Lo: 0x1abf, Hi: 0x1ace, Stride: 1}, {Lo: 0x1df6, Hi: 0x1dfb, Stride: 1}, {Lo: 0xa82c, Hi: 0xa82c, Stride: 1},
		{Lo: 0xa8c5, Hi: 0xa8c5, Stride: 1}, {Lo: 0xa8ff, Hi: 0xa8ff, Stride: 1}, {Lo: 0xa9bd, Hi: 0xa9bd, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x10d24, Hi: 0x10d27, Stride: 1}, {Lo: 0x10eab, Hi: 0x10eac, Stride: 1}, {Lo: 0x10efd, Hi: 0x10eff, Stride: 1},
		{Lo: 0x10f46, Hi: 0x10f50, Stride: 1}, {Lo: 0x10f82, Hi: 0x10f85, Stride: 1}, {Lo: 0x11070, Hi: 0x11070, Stride: 1},
		{Lo: 0x11073, Hi: 0x11074, Stride: 1}, {Lo: 0x110c2, Hi: 0x110c2, Stride: 1}, {Lo: 0x111c9, Hi: 0x111c9, Stride: 1},
		{Lo: 0x111cf, Hi: 0x111cf, Stride: 1}, {Lo: 0x1123e, Hi: 0x1123e, Stride: 1}, {Lo: 0x11241, Hi: 0x11241, Stride: 1},
		{Lo: 0x1133b, Hi: 0x1133b, Stride: 1}, {Lo: 0x11438, Hi: 0x1143f, Stride: 1}, {Lo: 0x11442, Hi: 0x11444, Stride: 1},
		{Lo: 0x11446, Hi: 0x11446, Stride: 1}, {Lo: 0x1145e, Hi: 0x1145e, Stride: 1}, {Lo: 0x1182f, Hi: 0x11837, Stride: 1},
		{Lo: 0x11839, Hi: 0x1183a, Stride: 1}, {Lo: 0x1193b, Hi: 0x1193c, Stride: 1}, {Lo: 0x1193e, Hi: 0x1193e, Stride: 1},
		{Lo: 0x11943, Hi: 0x11943, Stride: 1}, {Lo: 0x119d4, Hi: 0x119d7, Stride: 1}, {Lo: 0x119da, Hi: 0x119db, Stride: 1},
		{Lo: 0x119e0, Hi: 0x119e0, Stride: 1}, {Lo: 0x11a01, Hi: 0x11a0a, Stride: 1}, {Lo: 0x11a33, Hi: 0x11a38, Stride: 1},
		{Lo: 0x11a3b, Hi: 0x11a3e, Stride: 1}, {Lo: 0x11a47, Hi: 0x11a47, Stride: 1}, {Lo: 0x11a51, Hi: 0x11a56, Stride: 1},
		{Lo: 0x11a59, Hi: 0x11a5b, Stride: 1}, {Lo: 0x11a8a, Hi: 0x11a96, Stride: 1}, {Lo: 0x11a98, Hi: 0x11a99, Stride: 1},
		{Lo: 0x11c30, Hi: 0x11c36, Stride: 1}, {Lo: 0x11c38, Hi: 0x11c3d, Stride: 1}, {Lo: 0x11c3f, Hi: 0x11c3f, Stride: 1},
		{Lo: 0x11c92, Hi: 0x11ca7, Stride: 1}, {Lo: 0x11caa, Hi: 0x11cb0, Stride: 1}, {Lo: 0x11cb2, Hi: 0x11cb3, Stride: 1},
		{Lo: 0x11cb5, Hi: 0x11cb6, Stride: 1}, {Lo: 0x11d31, Hi: 0x11d36, Stride: 1}, {Lo: 0x11d3a, Hi: 0x11d3a, Stride: 1},
		{Lo: 0x11d3c, Hi: 0x11d3d, Stride: 1}, {Lo: 0x11d3f, Hi: 0x11d45, Stride: 1}, {Lo: 0x11d47, Hi: 0x11d47, Stride: 1},
		{Lo: 0x11d90, Hi: 0x11d91, Stride: 1}, {Lo: 0x11d95, Hi: 0x11d95, Stride: 1}, {Lo: 0x11d97, Hi: 0x11d97, Stride: 1},
		{Lo: 0x11ef3, Hi: 0x11ef4, Stride: 1}, {Lo: 0x11f00, Hi: 0x11f01, Stride: 1}, {Lo: 0x11f36, Hi: 0x11f3a, Stride: 1},
		{Lo: 0x11f40, Hi: 0x11f40, Stride: 1}, {Lo: 0x11f42, Hi: 0x11f42, Stride: 1}, {Lo: 0x13440, Hi: 0x13440, Stride: 1},
		{Lo: 0x13447, Hi: 0x13455, Stride: 1}, {Lo: 0x16f4f, Hi: 0x16f4f, Stride: 1}, {Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1},
		{Lo: 0x1cf00, Hi: 0x1cf2d, Stride: 1}, {Lo: 0x1cf30, Hi: 0x1cf46, Stride: 1}, {Lo: 0x1e000, Hi: 0x1e006, Stride: 1},
		{Lo: 0x1e008, Hi: 0x1e018, Stride: 1}, {Lo: 0x1e01b, Hi: 0x1e021, Stride: 1}, {Lo: 0x1e023, Hi: 0x1e024, Stride: 1},
		{Lo: 0x1e026, Hi: 0x1e02a, Stride: 1}, {Lo: 0x1e08f, Hi: 0x1e08f, Stride: 1}, {Lo: 0x1e130, Hi: 0x1e136, Stride: 1},
		{Lo: 0x1e2ae, Hi: 0x1e2ae, Stride: 1}, {Lo: 0x1e2ec, Hi: 0x1e2ef, Stride: 1}, {Lo: 0x1e4ec, Hi: 0x1e4ef, Stride: 1},
		{Lo: 0x1e944, Hi: 0x1e94a, Stride: 1},
	},
}

// laterCombining is the marks (M) that StripAccents does not know as such.
var laterCombining = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x07fd, Hi: 0x07fd, Stride: 1}, {Lo: 0x0898, Hi: 0x089f, Stride: 1}, {Lo: 0x08ca, Hi: 0x08d3, Stride: 1},
		{Lo: 0x09fe, Hi: 0x09fe, Stride: 1}, {Lo: 0x0afa, Hi: 0x0aff, Stride: 1}, {Lo: 0x0b55, Hi: 0x0b55, Stride: 1},
		{Lo: 0x0c04, Hi: 0x0c04, Stride: 1}, {Lo: 0x0c3c, Hi: 0x0c3c, Stride: 1}, {Lo: 0x0cf3, Hi: 0x0cf3, Stride: 1},
		{Lo: 0x0d00, Hi: 0x0d00, Stride: 1}, {Lo: 0x0d3b, Hi: 0x0d3c, Stride: 1}, {Lo: 0x0d81, Hi: 0x0d81, Stride: 1},
		{Lo: 0x0eba, Hi: 0x0eba, Stride: 1}, {Lo: 0x0ece, Hi: 0x0ece, Stride: 1}, {Lo: 0x1715, Hi: 0x1715, Stride: 1},
		{Lo: 0x180f, Hi: 0x180f, Stride: 1}, {Lo: 0x1abf, Hi: 0x1ace, Stride: 1}, {Lo: 0x1cf7, Hi: 0x1cf7, Stride: 1},
		{Lo: 0x1df6, Hi: 0x1dfa, Stride: 1}, {Lo: 0xa82c, Hi: 0xa82c, Stride: 1}, {Lo: 0xa8ff, Hi: 0xa8ff, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x10d24, Hi: 0x10d27, Stride: 1}, {Lo: 0x10eab, Hi: 0x10eac, Stride: 1}, {Lo: 0x10efd, Hi: 0x10eff, Stride: 1},
		{Lo: 0x10f46, Hi: 0x10f50, Stride: 1}, {Lo: 0x10f82, Hi: 0x10f85, Stride: 1}, {Lo: 0x11070, Hi: 0x11070, Stride: 1},
		{Lo: 0x11073, Hi: 0x11074, Stride: 1}, {Lo: 0x110c2, Hi: 0x110c2, Stride: 1}, {Lo: 0x11145, Hi: 0x11146, Stride: 1},
		{Lo: 0x111c9, Hi: 0x111c9, Stride: 1}, {Lo: 0x111ce, Hi: 0x111cf, Stride: 1}, {Lo: 0x11241, Hi: 0x11241, Stride: 1},
		{Lo: 0x1133b, Hi: 0x1133b, Stride: 1}, {Lo: 0x1145e, Hi: 0x1145e, Stride: 1}, {Lo: 0x1182c, Hi: 0x1183a, Stride: 1},
		{Lo: 0x11930, Hi: 0x11935, Stride: 1}, {Lo: 0x11937, Hi: 0x11938, Stride: 1}, {Lo: 0x1193b, Hi: 0x1193e, Stride: 1},
		{Lo: 0x11940, Hi: 0x11940, Stride: 1}, {Lo: 0x11942, Hi: 0x11943, Stride: 1}, {Lo: 0x119d1, Hi: 0x119d7, Stride: 1},
		{Lo: 0x119da, Hi: 0x119e0, Stride: 1}, {Lo: 0x119e4, Hi: 0x119e4, Stride: 1}, {Lo: 0x11a01, Hi: 0x11a0a, Stride: 1},
		{Lo: 0x11a33, Hi: 0x11a39, Stride: 1}, {Lo: 0x11a3b, Hi: 0x11a3e, Stride: 1}, {Lo: 0x11a47, Hi: 0x11a47, Stride: 1},
		{Lo: 0x11a51, Hi: 0x11a5b, Stride: 1}, {Lo: 0x11a8a, Hi: 0x11a99, Stride: 1}, {Lo: 0x11d31, Hi: 0x11d36, Stride: 1},
		{Lo: 0x11d3a, Hi: 0x11d3a, Stride: 1}, {Lo: 0x11d3c, Hi: 0x11d3d, Stride: 1}, {Lo: 0x11d3f, Hi: 0x11d45, Stride: 1},
		{Lo: 0x11d47, Hi: 0x11d47, Stride: 1}, {Lo: 0x11d8a, Hi: 0x11d8e, Stride: 1}, {Lo: 0x11d90, Hi: 0x11d91, Stride: 1},
		{Lo: 0x11d93, Hi: 0x11d97, Stride: 1}, {Lo: 0x11ef3, Hi: 0x11ef6, Stride: 1}, {Lo: 0x11f00, Hi: 0x11f01, Stride: 1},
		{Lo: 0x11f03, Hi: 0x11f03, Stride: 1}, {Lo: 0x11f34, Hi: 0x11f3a, Stride: 1}, {Lo: 0x11f3e, Hi: 0x11f42, Stride: 1},
		{Lo: 0x13440, Hi: 0x13440, Stride: 1}, {Lo: 0x13447, Hi: 0x13455, Stride: 1}, {Lo: 0x16f4f, Hi: 0x16f4f, Stride: 1},
		{Lo: 0x16f7f, Hi: 0x16f87, Stride: 1}, {Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1}, {Lo: 0x16ff0, Hi: 0x16ff1, Stride: 1},
		{Lo: 0x1cf00, Hi: 0x1cf2d, Stride: 1}, {Lo: 0x1cf30, Hi: 0x1cf46, Stride: 1}, {Lo: 0x1e08f, Hi: 0x1e08f, Stride: 1},
		{Lo: 0x1e130, Hi: 0x1e136, Stride: 1}, {Lo: 0x1e2ae, Hi: 0x1e2ae, Stride: 1}, {Lo: 0x1e2ec, Hi: 0x1e2ef, Stride: 1},
		{Lo: 0x1e4ec, Hi: 0x1e4ef, Stride: 1},
	},
}

// laterPunctuation is the punctuation that the reference does not know as such.
var laterPunctuation = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x061d, Hi: 0x061d, Stride: 1}, {Lo: 0x09fd, Hi: 0x09fd, Stride: 1}, {Lo: 0x0a76, Hi: 0x0a76, Stride: 1},
		{Lo: 0x0c77, Hi: 0x0c77, Stride: 1}, {Lo: 0x0c84, Hi: 0x0c84, Stride: 1}, {Lo: 0x1b7d, Hi: 0x1b7e, Stride: 1},
		{Lo: 0x2e43, Hi: 0x2e4f, Stride: 1}, {Lo: 0x2e52, Hi: 0x2e5d, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x10ead, Hi: 0x10ead, Stride: 1}, {Lo: 0x10f55, Hi: 0x10f59, Stride: 1}, {Lo: 0x10f86, Hi: 0x10f89, Stride: 1},
		{Lo: 0x1144b, Hi: 0x1144f, Stride: 1}, {Lo: 0x1145a, Hi: 0x1145b, Stride: 1}, {Lo: 0x1145d, Hi: 0x1145d, Stride: 1},
		{Lo: 0x11660, Hi: 0x1166c, Stride: 1}, {Lo: 0x116b9, Hi: 0x116b9, Stride: 1}, {Lo: 0x1183b, Hi: 0x1183b, Stride: 1},
		{Lo: 0x11944, Hi: 0x11946, Stride: 1}, {Lo: 0x119e2, Hi: 0x119e2, Stride: 1}, {Lo: 0x11a3f, Hi: 0x11a46, Stride: 1},
		{Lo: 0x11a9a, Hi: 0x11a9c, Stride: 1}, {Lo: 0x11a9e, Hi: 0x11aa2, Stride: 1}, {Lo: 0x11b00, Hi: 0x11b09, Stride: 1},
		{Lo: 0x11c41, Hi: 0x11c45, Stride: 1}, {Lo: 0x11c70, Hi: 0x11c71, Stride: 1}, {Lo: 0x11ef7, Hi: 0x11ef8, Stride: 1},
		{Lo: 0x11f43, Hi: 0x11f4f, Stride: 1}, {Lo: 0x11fff, Hi: 0x11fff, Stride: 1}, {Lo: 0x12ff1, Hi: 0x12ff2, Stride: 1},
		{Lo: 0x16e97, Hi: 0x16e9a, Stride: 1}, {Lo: 0x16fe2, Hi: 0x16fe2, Stride: 1}, {Lo: 0x1e95e, Hi: 0x1e95f, Stride: 1},
	},
}

// formerPunctuation is what the reference knows as punctuation, and Unicode 15 does not.
var formerPunctuation = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x166d, Hi: 0x166d, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x111c9, Hi: 0x111c9, Stride: 1},
	},
}

// laterCapitals is the capital letters of Unicode 16 and 17 that Unicode 15 lacks, and how far
// off their small letters are.
var laterCapitals = []struct{ lo, hi, down rune }{
	{0x1c89, 0x1c89, 1}, {0xa7cb, 0xa7cb, 0x264 - 0xa7cb}, {0xa7cc, 0xa7cc, 1}, {0xa7ce, 0xa7ce, 1}, {0xa7d2, 0xa7d2, 1},
	{0xa7d4, 0xa7d4, 1}, {0xa7da, 0xa7da, 1}, {0xa7dc, 0xa7dc, 0x19b - 0xa7dc}, {0x10d50, 0x10d65, 32}, {0x16ea0, 0x16eb8, 27},
}

// laterForms is the characters that decompose or combine since Unicode 10, found by asking the
// reference about each, and U+11930 and U+11935, which one that is later is composed of.
var laterForms = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x07fd, Hi: 0x07fd, Stride: 1}, {Lo: 0x0898, Hi: 0x089f, Stride: 1}, {Lo: 0x08ca, Hi: 0x08d3, Stride: 1},
		{Lo: 0x09fe, Hi: 0x09fe, Stride: 1}, {Lo: 0x0c3c, Hi: 0x0c3c, Stride: 1}, {Lo: 0x0d3b, Hi: 0x0d3c, Stride: 1},
		{Lo: 0x0eba, Hi: 0x0eba, Stride: 1}, {Lo: 0x1715, Hi: 0x1715, Stride: 1}, {Lo: 0x1abf, Hi: 0x1ace, Stride: 1},
		{Lo: 0x1df6, Hi: 0x1dfa, Stride: 1}, {Lo: 0x32ff, Hi: 0x32ff, Stride: 1}, {Lo: 0xa7f2, Hi: 0xa7f4, Stride: 1},
		{Lo: 0xa82c, Hi: 0xa82c, Stride: 1}, {Lo: 0xab69, Hi: 0xab69, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x10781, Hi: 0x10785, Stride: 1}, {Lo: 0x10787, Hi: 0x107b0, Stride: 1}, {Lo: 0x107b2, Hi: 0x107ba, Stride: 1},
		{Lo: 0x10d24, Hi: 0x10d27, Stride: 1}, {Lo: 0x10eab, Hi: 0x10eac, Stride: 1}, {Lo: 0x10efd, Hi: 0x10eff, Stride: 1},
		{Lo: 0x10f46, Hi: 0x10f50, Stride: 1}, {Lo: 0x10f82, Hi: 0x10f85, Stride: 1}, {Lo: 0x11070, Hi: 0x11070, Stride: 1},
		{Lo: 0x1133b, Hi: 0x1133b, Stride: 1}, {Lo: 0x1145e, Hi: 0x1145e, Stride: 1}, {Lo: 0x11839, Hi: 0x1183a, Stride: 1},
		{Lo: 0x11930, Hi: 0x11930, Stride: 1}, {Lo: 0x11935, Hi: 0x11935, Stride: 1}, {Lo: 0x11938, Hi: 0x11938, Stride: 1}, {Lo: 0x1193d, Hi: 0x1193e, Stride: 1},
		{Lo: 0x11943, Hi: 0x11943, Stride: 1}, {Lo: 0x119e0, Hi: 0x119e0, Stride: 1}, {Lo: 0x11a34, Hi: 0x11a34, Stride: 1},
		{Lo: 0x11a47, Hi: 0x11a47, Stride: 1}, {Lo: 0x11a99, Hi: 0x11a99, Stride: 1}, {Lo: 0x11d42, Hi: 0x11d42, Stride: 1},
		{Lo: 0x11d44, Hi: 0x11d45, Stride: 1}, {Lo: 0x11d97, Hi: 0x11d97, Stride: 1}, {Lo: 0x11f41, Hi: 0x11f42, Stride: 1},
		{Lo: 0x16ff0, Hi: 0x16ff1, Stride: 1}, {Lo: 0x1e030, Hi: 0x1e06d, Stride: 1}, {Lo: 0x1e08f, Hi: 0x1e08f, Stride: 1},
		{Lo: 0x1e130, Hi: 0x1e136, Stride: 1}, {Lo: 0x1e2ae, Hi: 0x1e2ae, Stride: 1}, {Lo: 0x1e2ec, Hi: 0x1e2ef, Stride: 1},
		{Lo: 0x1e4ec, Hi: 0x1e4ef, Stride: 1}, {Lo: 0x1f16c, Hi: 0x1f16c, Stride: 1}, {Lo: 0x1fbf0, Hi: 0x1fbf9, Stride: 1},
	},
}

// laterWords is the characters of words (\w) of Unicode 16 that Unicode 15 lacks.
var laterWords = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0897, Hi: 0x0897, Stride: 1}, {Lo: 0x1c89, Hi: 0x1c8a, Stride: 1}, {Lo: 0xa7cb, Hi: 0xa7cd, Stride: 1},
		{Lo: 0xa7da, Hi: 0xa7dc, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x105c0, Hi: 0x105f3, Stride: 1}, {Lo: 0x10d40, Hi: 0x10d65, Stride: 1}, {Lo: 0x10d69, Hi: 0x10d6d, Stride: 1},
		{Lo: 0x10d6f, Hi: 0x10d85, Stride: 1}, {Lo: 0x10ec2, Hi: 0x10ec4, Stride: 1}, {Lo: 0x10efc, Hi: 0x10efc, Stride: 1},
		{Lo: 0x11380, Hi: 0x11389, Stride: 1}, {Lo: 0x1138b, Hi: 0x1138b, Stride: 1}, {Lo: 0x1138e, Hi: 0x1138e, Stride: 1},
		{Lo: 0x11390, Hi: 0x113b5, Stride: 1}, {Lo: 0x113b7, Hi: 0x113c0, Stride: 1}, {Lo: 0x113c2, Hi: 0x113c2, Stride: 1},
		{Lo: 0x113c5, Hi: 0x113c5, Stride: 1}, {Lo: 0x113c7, Hi: 0x113ca, Stride: 1}, {Lo: 0x113cc, Hi: 0x113d3, Stride: 1},
		{Lo: 0x113e1, Hi: 0x113e2, Stride: 1}, {Lo: 0x116d0, Hi: 0x116e3, Stride: 1}, {Lo: 0x11bc0, Hi: 0x11be0, Stride: 1},
		{Lo: 0x11bf0, Hi: 0x11bf9, Stride: 1}, {Lo: 0x11f5a, Hi: 0x11f5a, Stride: 1}, {Lo: 0x13460, Hi: 0x143fa, Stride: 1},
		{Lo: 0x16100, Hi: 0x16139, Stride: 1}, {Lo: 0x16d40, Hi: 0x16d6c, Stride: 1}, {Lo: 0x16d70, Hi: 0x16d79, Stride: 1},
		{Lo: 0x18cff, Hi: 0x18cff, Stride: 1}, {Lo: 0x1ccf0, Hi: 0x1ccf9, Stride: 1}, {Lo: 0x1e5d0, Hi: 0x1e5fa, Stride: 1},
		{Lo: 0x2ebf0, Hi: 0x2ee5d, Stride: 1},
	},
}
