package metric

// What the tests look at from outside beside the exported names.
var (
	Stem       = stem
	RougeWords = words
	BLEUWords  = bleuWords
)
