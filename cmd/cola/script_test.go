package main

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
	"github.com/gradientlearning/cola/protocol"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cola": main})
}

// TestScripts runs cola as its users do. Beside testscript's commands there are
//
//	exits STATUS command …   the command ends with the exit status
//	damage FILE OFFSET       one bit of the byte is flipped; an offset below 0 counts from the end
//	cut FILE BYTES           so many bytes are cut off the end
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			golden, err := filepath.Abs("../../model/testdata/golden") // models of text
			env.Setenv("MODELS", golden)
			return errors.Join(err, writeFixtures(env.WorkDir), writeAdapters(env.WorkDir), writeTextModel(env.WorkDir))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"damage": damage,
			"cut":    cut,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS command …")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func damage(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	offset, err := strconv.Atoi(args[1])
	ts.Check(err)
	if offset < 0 {
		offset += len(data)
	}
	data[offset] ^= 1
	ts.Check(os.WriteFile(path, data, 0o600))
}

func cut(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	bytes, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(path, info.Size()-bytes))
}

// writeFixtures makes one small file of each kind that scripts look into.
func writeFixtures(dir string) error {
	weight := linalg.FromF32([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	bias := linalg.FromF32([]float32{7, 8}, 2)
	blobs := []linalg.Blob{weight.Blob("head.weight"), bias.Convert(linalg.BF16).Blob("head.bias")}
	write := func(name string, metadata map[string]string) error {
		return safetensors.WriteFile(filepath.Join(dir, name), blobs, metadata)
	}
	record := func(name string, metadata map[string]string) error {
		return durable.WriteRecord(filepath.Join(dir, name), durable.Record{Metadata: metadata, Tensors: blobs})
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "coordinator"), 0o700), os.Mkdir(filepath.Join(dir, "coordinator", "updates"), 0o700),
		os.Mkdir(filepath.Join(dir, "participant"), 0o700), os.Mkdir(filepath.Join(dir, "empty"), 0o700)); err != nil {
		return err
	}
	members := `{"ada":{"included":10,"digest":"0ada","data":{"Examples":600,"Shape":[28,28,1],"Classes":10}},` +
		`"bob":{"included":9,"digest":"0b0b","data":{"Examples":500,"Shape":[28,28,1],"Classes":10}}}`
	commit := map[string]string{"kind": "coordinator", "job": "5eed", "name": "mnist", "version": "10", "round": "20", "members": members}
	frames, err := exampleFrames(weight)
	if err != nil {
		return err
	}
	return errors.Join(
		write("model.safetensors", nil),
		write("adapter.safetensors", map[string]string{"format": "cola", "participant": "ada", "job": "mnist", "version": "10"}),
		record("coordinator/commit-10.cola", commit),
		record("coordinator/commit-9.cola", map[string]string{"kind": "coordinator", "job": "5eed", "name": "mnist", "version": "9", "round": "18", "members": "{}"}),
		record("coordinator/updates/bob-9.cola", map[string]string{"kind": "update"}),
		record("participant/state-10.cola", map[string]string{"kind": "participant", "participant": "ada", "job": "5eed", "version": "10"}),
		os.WriteFile(filepath.Join(dir, "frames.bin"), frames, 0o600),
	)
}

// exampleFrames holds a message of every sort that is shown in a way of its own.
func exampleFrames(inputs *linalg.Tensor) ([]byte, error) {
	var all []byte
	for _, m := range []protocol.Message{
		&protocol.Hello{MinVersion: 2, MaxVersion: 2, Participant: "ada", Software: "cola", Data: protocol.Data{Examples: 600, Shape: []int{3}, Classes: 2}},
		&protocol.Batch{Round: 7, Sections: []protocol.Section{
			{Name: "inputs", Tensor: inputs, As: protocol.AsBF16},
			{Name: "labels", Tensor: linalg.FromI32([]int32{0, 1}, 2)},
		}},
		&protocol.Tuples{Round: 7, Sections: []protocol.Section{{Name: "x", Tensor: linalg.New(linalg.F32, 64, 64), Compress: true}}},
		&protocol.Tuples{Round: 7, Group: 1, Sections: []protocol.Section{{Name: "x", Tensor: linalg.New(linalg.F32, 4, 64), As: protocol.AsInt8}}},
		&protocol.Loss{Round: 7, Loss: math.NaN()},
		&protocol.Enroll{Token: "hush", Participant: "ada"},
	} {
		frame, err := protocol.Encode(m)
		if err != nil {
			return nil, err
		}
		all = append(all, frame...)
	}
	return all, nil
}
