package adapter

import "github.com/gradientlearning/cola/linalg"

// SiteKind is the kind of layer at a site.
type SiteKind string

// The kinds of layer that can be adapted.
const (
	SiteLinear SiteKind = "linear"
	SiteConv2D SiteKind = "conv2d"
	// SiteEmbedding is a table of which x, token ids (n) I32, picks rows: W is
	// (vocabulary, width) = (In, Out). Its adapters have neither bias nor a gradient of x.
	SiteEmbedding SiteKind = "embedding"
)

// Site is a layer of the base model that is adapted.
type Site struct {
	Name string   // the layer's name in the checkpoint, without ".weight": "layers.0"
	Kind SiteKind // what In and Conv mean
	In   int      // columns of x; at a conv2d site of the unfolded x (C·K·K); at an embedding the vocabulary
	Out  int      // columns of h; at an embedding its width
	Bias bool     // the layer has a bias, so that a linear adapter gets one too
	Conv linalg.Conv
	// Group numbers the sites that share one input: x is captured and sent once.
	// Sites of a group follow each other.
	Group int
	// Head marks a classification head: its adapter is always linear, with bias if it has one.
	Head bool
}

// Positions returns how many unfolded rows one row of the captured input makes: 1 at
// a linear site or an embedding, Ho·Wo at a conv2d site.
func (s Site) Positions() int {
	if s.Kind == SiteConv2D {
		return s.Conv.Positions()
	}
	return 1
}

// Unfold returns x as the rows that adapters work on: x itself at a linear site or an
// embedding, its patches at a conv2d site, where x is (n, H, W, C).
func (s Site) Unfold(dev linalg.Device, x *linalg.Tensor) *linalg.Tensor {
	if s.Kind != SiteConv2D {
		return x
	}
	cols := dev.Empty(linalg.F32, x.Rows()*s.Conv.Positions(), s.Conv.Columns())
	dev.Unfold(cols, x, s.Conv)
	return cols
}

// Together returns the range of sites, first to end-1, that share the input of site i: those of
// a group stand beside each other.
func Together(sites []Site, i int) (first, end int) {
	same := func(at int) bool { return sites[at].Group == sites[i].Group }
	for first = i; first > 0 && same(first-1); first-- {
	}
	for end = i + 1; end < len(sites) && same(end); end++ {
	}
	return first, end
}
