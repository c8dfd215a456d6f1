package model_test

import (
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

func logits(t testing.TB, b *model.Base, batch *model.Batch, mode model.Mode) *linalg.Tensor {
	t.Helper()
	return must[*linalg.Tensor](t)(b.Logits(batch, mode))
}

// Whatever was merged, W₀ comes back to the bit, and merging is always from W₀.
func TestUnmergeRestoresEveryBit(t *testing.T) {
	eachSmall(t, func(t *testing.T, b *model.Base) {
		batch := newBatch(b, 4)
		before, bytes := logits(t, b, batch, model.Merged), b.Bytes()
		ada := deltas(t, b, newAdapters(t, b, "ada", kinds[1]))
		ben := deltas(t, b, newAdapters(t, b, "ben", kinds[0]))
		merge := func(d []model.Delta) *linalg.Tensor {
			if err := b.Merge(d); err != nil {
				t.Fatal(err)
			}
			return logits(t, b, batch, model.Merged)
		}
		onlyAda := merge(ada)
		if sameBits(onlyAda, before) {
			t.Fatal("merging changed nothing")
		}
		biases := int64(0)
		for _, s := range b.Sites() {
			biases += int64(s.Out) * 4
		}
		if b.Bytes() != bytes+biases {
			t.Errorf("%d bytes when merged, want %d and %d for biases", b.Bytes(), bytes, biases)
		}
		merge(ben)
		if !sameBits(merge(ada), onlyAda) {
			t.Error("a merge depends on what was merged before")
		}
		if !sameBits(merge(make([]model.Delta, len(ada))), before) {
			t.Error("merging nothing changed something")
		}
		merge(ben)
		b.Unmerge()
		if !sameBits(logits(t, b, batch, model.Merged), before) || b.Bytes() != bytes {
			t.Error("Unmerge did not restore the model")
		}
	})
}

// Merge does not hold on to the deltas.
func TestMergeCopies(t *testing.T) {
	b := newBase(t, small[1])
	batch := newBatch(b, 2)
	d := deltas(t, b, newAdapters(t, b, "ada", kinds[1]))
	if err := b.Merge(d); err != nil {
		t.Fatal(err)
	}
	want := logits(t, b, batch, model.Merged)
	for _, d := range d {
		clear(d.Weight.F32())
		clear(d.Bias.F32())
	}
	if !sameBits(logits(t, b, batch, model.Merged), want) {
		t.Error("changing a delta changed the model")
	}
}

func TestMergeRefuses(t *testing.T) {
	b := newBase(t, small[1])
	batch := newBatch(b, 2)
	before := logits(t, b, batch, model.Merged)
	good := deltas(t, b, newAdapters(t, b, "ada", kinds[1]))
	for want, spoil := range map[string]func(d []model.Delta) []model.Delta{
		"2 deltas for 3 sites": func(d []model.Delta) []model.Delta { return d[:2] },
		"site layers.1: a delta [11 7]": func(d []model.Delta) []model.Delta {
			d[1].Weight = linalg.New(linalg.F32, 11, 7)
			return d
		},
		"site head: a delta [5] of bf16": func(d []model.Delta) []model.Delta {
			d[2].Bias = linalg.New(linalg.BF16, 5)
			return d
		},
		"site head: a delta [6] of f32": func(d []model.Delta) []model.Delta {
			d[2].Bias = linalg.New(linalg.F32, 6)
			return d
		},
	} {
		err := b.Merge(spoil(append([]model.Delta(nil), good...)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if !sameBits(logits(t, b, batch, model.Merged), before) {
			t.Errorf("%s: a refused merge changed the model", want)
		}
	}
}
