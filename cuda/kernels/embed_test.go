package kernels

import (
	"path"
	"slices"
	"strings"
	"testing"
)

func TestSource(t *testing.T) {
	var names []string
	for _, f := range Source() {
		names = append(names, f.Name)
		if f.Text == "" || f.Header() != strings.HasSuffix(f.Name, ".h") {
			t.Errorf("%s is a header: %v, and has %d bytes", f.Name, f.Header(), len(f.Text))
		}
	}
	for _, name := range []string{"devrt.h", "elementwise.cu"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing", name)
		}
	}
	inOrder := slices.IsSortedFunc(names, func(a, b string) int {
		if d := strings.Compare(path.Ext(b), path.Ext(a)); d != 0 {
			return d // .h before .cu
		}
		return strings.Compare(a, b)
	})
	if !inOrder {
		t.Errorf("not headers and then kernels, by name: %v", names)
	}
}

// TestPTX fails where somebody changed a kernel and forgot what was made of it.
func TestPTX(t *testing.T) {
	text, err := PTX()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{HashLine + Hash() + "\n", ".target sm_80\n", ".visible .entry cola_add_f32("} {
		if !strings.Contains(string(text), want) {
			t.Errorf("there is no %q in it", want)
		}
	}
}

// TestPTXOfOtherSources says what to do.
func TestPTXOfOtherSources(t *testing.T) {
	embedded := ptx
	defer func() { ptx = embedded }()
	for _, broken := range [][]byte{nil, {1, 2, 3}, embedded[:len(embedded)/2]} {
		ptx = broken
		if _, err := PTX(); err == nil || !strings.Contains(err.Error(), "embedded PTX: ") {
			t.Errorf("%d bytes: %v", len(broken), err)
		}
	}
}
