package plan

import (
	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// What frames and sections take beside their payload; docs/wire-format.md draws both. A
// message's own header is about forty bytes.
const (
	frame         = 32 + 40
	sectionHeader = 32
)

// section is the bytes of a tensor that travels in elements of so many bytes.
func section(name string, shape []int, size int) int64 {
	return sectionOf(name, shape, int64(linalg.Elements(shape))*int64(size))
}

// sectionOf is the bytes of a tensor whose elements take so many.
func sectionOf(name string, shape []int, payload int64) int64 {
	return int64(sectionHeader+len(name)+8*len(shape)) + payload
}

// Wire says how many bytes the elements of a tensor take on the wire where those are not what the
// device is asked for. nil: they are; of Inputs, float32.
type Wire struct {
	Inputs, X, G func(shape []int) int64
}

// payload is the bytes of a tensor of a type on the wire.
func payload(shape []int, dtype linalg.DType, size func(shape []int) int64) int64 {
	if size == nil || dtype == linalg.I32 {
		return int64(linalg.Elements(shape)) * int64(dtype.Size())
	}
	return size(shape)
}

// batchBytes is what a participant's batch takes.
func (l Load) batchBytes(m model.Config, wire Wire) int64 {
	if l.Images > 0 {
		images := append([]int{l.Images}, m.Input...)
		return frame + sectionOf("inputs", images, payload(images, linalg.F32, wire.Inputs)) + section("labels", []int{l.Images}, 4)
	}
	tokens, targets := sum(l.Texts), sum(l.Targets)
	n := frame + section("inputs", []int{tokens}, 4) + section("starts", []int{len(l.Texts)}, 4)
	switch {
	case len(l.Targets) > 0:
		return n + section("labels", []int{targets}, 4) + section("label_starts", []int{len(l.Texts)}, 4)
	case m.Task == "seq-cls":
		return n + section("labels", []int{len(l.Texts)}, 4)
	}
	return n + section("labels", []int{tokens}, 4)
}

func sum(list []int) int {
	n := 0
	for _, v := range list {
		n += v
	}
	return n
}

// mergedBytes is what a site's merged update takes.
func mergedBytes(s adapter.Site, broadcast bool) int64 {
	if !broadcast {
		return 0
	}
	n := section(s.Name+".weight", []int{s.Out, s.In}, 4)
	if s.Bias {
		n += section(s.Name+".bias", []int{s.Out}, 4)
	}
	return n
}

// sink counts what a pass would send, once the gradients of all sites of a group are there.
type sink struct {
	sites        []adapter.Site
	config       Config
	task         string
	participants []Traffic
	copies       int64

	inputs    map[int]*linalg.Tensor // by group; their shapes are looked at alone
	gradients map[int]int            // by group, how many there were
}

// Input notes what x is.
func (s *sink) Input(site int, x *linalg.Tensor, _ []model.Rows) {
	if s.inputs == nil {
		s.inputs, s.gradients = map[int]*linalg.Tensor{}, map[int]int{}
	}
	s.inputs[s.sites[site].Group] = x
}

// Gradient counts the site's group if this was its last gradient.
func (s *sink) Gradient(site int, _ *linalg.Tensor, rows []model.Rows) {
	if s.gradients == nil {
		s.inputs, s.gradients = map[int]*linalg.Tensor{}, map[int]int{}
	}
	group := s.sites[site].Group
	s.gradients[group]++
	var members []adapter.Site
	for _, other := range s.sites {
		if other.Group == group {
			members = append(members, other)
		}
	}
	if s.gradients[group] < len(members) {
		return
	}
	x := s.inputs[group]
	for k, r := range rows {
		s.count(k, r.Hi-r.Lo, x, members)
	}
	delete(s.inputs, group)
	delete(s.gradients, group)
}

// count adds one participant's rows of a group.
func (s *sink) count(k, rows int, x *linalg.Tensor, members []adapter.Site) {
	shape := append([]int{s.kept(k, rows)}, x.Shape()[1:]...)
	dtype := s.config.X
	if x.DType() == linalg.I32 {
		dtype = linalg.I32
	}
	t := &s.participants[k]
	t.Tuples += frame + sectionOf("x", shape, payload(shape, dtype, s.config.Wire.X))
	s.copies += payload(shape, dtype, nil)
	for _, site := range members {
		g := []int{shape[0], site.Out}
		if site.Kind == adapter.SiteConv2D {
			h, w := site.Conv.Output()
			g = []int{shape[0], h, w, site.Out}
		}
		t.Tuples += sectionOf("g."+site.Name, g, payload(g, s.config.G, s.config.Wire.G))
		s.copies += payload(g, s.config.G, nil)
	}
}

// kept is how many of a participant's rows travel: a causal text's last token predicts
// nothing, so that its g is zero at every site.
func (s *sink) kept(k, rows int) int {
	if texts := len(s.config.Loads[k].Texts); s.config.DropZeroRows && s.task == "causal-lm" && rows == sum(s.config.Loads[k].Texts) {
		return rows - texts
	}
	return rows
}
