package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gradientlearning/cola/internal/report"
)

// write shows a finding to people: all of it, or, as one of many, the essentials.
func (f *finding) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s: %s\n", f.Path, strings.Join(f.summary(), ", "))
	if f.Error != "" {
		return
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	if f.brief {
		f.writeMembers(w)
	} else {
		f.writeMetadata(w)
		f.writeMembers(w)
		f.writeTensors(w)
		for _, frame := range f.Frames {
			frame.write(w)
		}
	}
	w.Flush() //nolint:errcheck // a builder takes everything
}

func (f *finding) writeMetadata(w *tabwriter.Writer) {
	fmt.Fprintf(w, "  sha256\t%s\n", f.SHA256)
	for _, key := range slices.Sorted(maps.Keys(f.Metadata)) {
		if key == "members" && f.Kind == kindCommit {
			continue // in a form for people below
		}
		fmt.Fprintf(w, "  %s\t%s\n", printable(key), printable(f.Metadata[key]))
	}
	w.Flush() //nolint:errcheck // a builder takes everything
}

func (f *finding) writeMembers(w *tabwriter.Writer) {
	for _, m := range f.members() {
		fmt.Fprintf(w, "  member %s\tupdate in version %d\t%d examples\tadapters %s\n",
			printable(m.name), m.Included, m.Data.Examples, printable(m.Digest))
	}
	w.Flush() //nolint:errcheck // a builder takes everything
}

func (f *finding) writeTensors(w *tabwriter.Writer) {
	for _, t := range f.Tensors {
		fmt.Fprintf(w, "  %s\t%s\t%v\t%s\n", printable(t.Name), t.DType, t.Shape, report.Size(t.Bytes))
	}
}

// summary says in a few words what the file is and whether it is whole.
func (f *finding) summary() []string {
	if f.Error != "" {
		return []string{"corrupt " + f.Kind, report.Size(f.Bytes)}
	}
	words := []string{f.Kind, report.Size(f.Bytes)}
	for _, key := range []string{"participant", "job", "version", "round"} {
		value, ok := f.Metadata[key]
		if !ok || f.Kind == kindSafetensors {
			continue
		}
		if key == "job" && f.Metadata["name"] != "" {
			value = f.Metadata["name"]
		}
		words = append(words, key+" "+printable(value))
	}
	if members := f.members(); len(members) > 0 {
		words = append(words, count(len(members), "member"))
	}
	if len(f.Frames) > 0 {
		words = append(words, count(len(f.Frames), "frame"))
	}
	if len(f.Tensors) > 0 {
		words = append(words, count(len(f.Tensors), "tensor"))
	}
	switch f.Kind {
	case kindFrames:
		words = append(words, "checksums hold")
	case kindCommit, kindState, kindUpdate, kindRecord:
		words = append(words, "checksum holds")
	}
	return words
}

// member is what a commit record says of a participant.
type member struct {
	name     string
	Included uint64 `json:"included"`
	Digest   string `json:"digest"`
	Data     struct {
		Examples int
	} `json:"data"`
}

// members returns the members of a commit record, by name.
func (f *finding) members() []member {
	var byName map[string]member
	if f.Kind != kindCommit || json.Unmarshal([]byte(f.Metadata["members"]), &byName) != nil {
		return nil // what cannot be read is shown as it is
	}
	var all []member
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		m := byName[name]
		m.name = name
		all = append(all, m)
	}
	return all
}

// printable keeps what a file says from moving the cursor: it may be anything.
func printable(s string) string {
	if quoted := fmt.Sprintf("%q", s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
