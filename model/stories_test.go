package model_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// shared returns the path of a file of real data, beside the repository; without it the
// test is skipped.
func shared(t *testing.T, path ...string) string {
	t.Helper()
	dir := must[string](t)(os.Getwd())
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("there is no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	file := filepath.Join(append([]string{dir, "..", "shared", "data"}, path...)...)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("needs %s", file)
	}
	return file
}

// pieces is the vocabulary of a llama2.c file: u32 the longest; then of every token f32 its
// score, u32 its length and its bytes.
type pieces struct {
	text  []string
	score map[string]float32
	ids   map[string]int32
}

func readPieces(t *testing.T, path string) *pieces {
	t.Helper()
	content := must[[]byte](t)(os.ReadFile(path))[4:]
	p := &pieces{score: map[string]float32{}, ids: map[string]int32{}}
	for len(content) > 0 {
		score := math.Float32frombits(binary.LittleEndian.Uint32(content))
		n := binary.LittleEndian.Uint32(content[4:])
		text := string(content[8 : 8+n])
		content = content[8+n:]
		p.ids[text], p.score[text] = int32(len(p.text)), score
		p.text = append(p.text, text)
	}
	return p
}

// encode begins with <s> and a space, and joins the neighbours with the best score until
// none are left. What is no piece is its bytes, which follow <unk>, <s> and </s>. No piece
// has a line's end within it, so that lines can be encoded one by one.
func (p *pieces) encode(text string) []int32 {
	ids := []int32{1}
	for line := range strings.SplitAfterSeq(" "+text, "\n") {
		var list []string
		for _, r := range line {
			if _, ok := p.ids[string(r)]; ok {
				list = append(list, string(r))
				continue
			}
			for _, b := range []byte(string(r)) {
				list = append(list, p.text[3+int(b)])
			}
		}
		for at := p.best(list); at >= 0; at = p.best(list) {
			list[at] += list[at+1]
			list = slices.Delete(list, at+1, at+2)
		}
		for _, piece := range list {
			ids = append(ids, p.ids[piece])
		}
	}
	return ids
}

// best returns the place of the neighbours to join, −1 for none.
func (p *pieces) best(list []string) int {
	at, most := -1, float32(0)
	for i := range len(list) - 1 {
		if score, ok := p.score[list[i]+list[i+1]]; ok && (at < 0 || score > most) {
			at, most = i, score
		}
	}
	return at
}

func (p *pieces) decode(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(p.text[id])
	}
	return strings.ReplaceAll(strings.TrimPrefix(b.String(), " "), "<0x0A>", "\n")
}

// What llama2.c's run.c writes with this model at temperature 0.
const story = `Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too high.
Lily's mom said, "Lily, let's go to the park." Lily was sad and didn't know what to do. She said, "I want to play with your ball, but I can't find it."
Lily was sad and didn't know what to do. She said, "I'm sorry, Lily. I didn't know what to do."
Lily didn't want to help her mom, so she said, "I'm sorry, mom. I didn't know what to do." Her mom said, "Don't worry, Lily. We can help you`

func TestStory(t *testing.T) {
	p := readPieces(t, shared(t, "weights", "stories260K", "tok512.bin"))
	b := newBase(t, model.Config{Path: shared(t, "weights", "stories260K", "stories260K.bin")})
	g := must[model.Generation](t)(b.Generation())
	g.MaxNew = 251
	prompt := p.encode("Once upon a time")
	got := generate(t, b, prompts(prompt), g)[0]
	if text := p.decode(slices.Concat(prompt[1:], got.IDs)); text != story {
		t.Errorf("the model writes %q", text)
	}
}

// The losses of stories260K on the first 40,000 bytes of two texts, which are encoded whole
// and cut every 512 tokens, its context.
func TestStoriesLoss(t *testing.T) {
	if testing.Short() {
		t.Skip("40,000 tokens take a while")
	}
	p := readPieces(t, shared(t, "weights", "stories260K", "tok512.bin"))
	b := newBase(t, model.Config{Path: shared(t, "weights", "stories260K", "stories260K.bin")})
	for _, c := range []struct {
		file string
		want float64
	}{{"tinystories_sample.txt", 1.45}, {"tinyshakespeare_first90.txt", 4.66}} {
		ids := p.encode(string(must[[]byte](t)(os.ReadFile(shared(t, "text", c.file)))[:40_000]))
		sum, count := 0.0, 0
		for part := range slices.Chunk(ids, 8*512) {
			all := linalg.FromI32(part, len(part))
			batch := &model.Batch{Inputs: all, Labels: all}
			for at := 0; at < len(part); at += 512 {
				batch.Starts = append(batch.Starts, int32(at))
			}
			batch.Owners = []model.Owner{{Participant: "ada", Hi: len(batch.Starts), Scale: 1}}
			r := must[model.Result](t)(b.Evaluate(batch, model.Merged))
			sum, count = sum+r.Loss[0]*float64(r.Count[0]), count+r.Count[0]
		}
		if loss := sum / float64(count); math.Abs(loss-c.want) > 0.005 {
			t.Errorf("%s: loss %.4f over %d tokens, want %.2f", c.file, loss, count, c.want)
		}
	}
}
