package hub

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Prefix is what every reference begins with.
const Prefix = "hub:"

// reference is a repository at a revision.
type reference struct {
	kind     string // "models" or "datasets", as the hub's interface has them
	name     string // org/name, or one name for the few that have no organisation
	revision string
}

var (
	commitForm   = regexp.MustCompile(`^[0-9a-f]{40}$`)
	nameForm     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$`)
	revisionForm = regexp.MustCompile(`^[A-Za-z0-9._+-]+(/[A-Za-z0-9._+-]+)*$`)
)

// parseReference reads hub:[datasets/|models/]org/name[@revision].
func parseReference(text string) (reference, error) {
	bad := func(format string, args ...any) (reference, error) {
		why := fmt.Sprintf(format, args...)
		return reference{}, fmt.Errorf("%w: %q: %s; write hub:org/name, hub:org/name@revision or hub:datasets/org/name", ErrReference, text, why)
	}
	rest, ok := strings.CutPrefix(text, Prefix)
	if !ok {
		return bad("it does not begin with %q", Prefix)
	}
	r := reference{kind: "models", revision: "main"}
	name, revision, given := strings.Cut(rest, "@")
	if given {
		r.revision = revision
	}
	for _, kind := range []string{"models", "datasets"} {
		if n, ok := strings.CutPrefix(name, kind+"/"); ok {
			r.kind, name = kind, n
			break
		}
	}
	parts := strings.Split(name, "/")
	if len(parts) > 2 {
		return bad("a repository is an organisation and a name, and there are %d parts", len(parts))
	}
	for _, part := range parts {
		if !nameForm.MatchString(part) || strings.Contains(part, "--") || strings.Contains(part, "..") || strings.HasSuffix(part, ".") {
			return bad("%q is no name of an organisation or a repository", part)
		}
	}
	if !revisionForm.MatchString(r.revision) || len(r.revision) > 200 || strings.HasPrefix(r.revision, "-") || !local(r.revision) {
		return bad("%q is no branch, tag or commit", r.revision)
	}
	r.name = name
	return r, nil
}

// String names the repository for people.
func (r reference) String() string {
	if r.kind == "datasets" {
		return "datasets/" + r.name
	}
	return r.name
}

// folder is the name of the repository's folder in the cache.
func (r reference) folder() string {
	return r.kind + "--" + strings.ReplaceAll(r.name, "/", "--")
}

// local says whether a name of slashes stays below the folder it is joined to, on any system.
func local(name string) bool {
	if name == "" || strings.ContainsAny(name, "\\:\x00") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// wanted returns the names that a pattern matches, in the hub's order. In patterns, * and ?
// do not match a slash.
func wanted(names, patterns []string) ([]string, error) {
	var found []string
	for _, name := range names {
		for _, pattern := range patterns {
			if ok, _ := path.Match(pattern, name); ok {
				found = append(found, name)
				break
			}
		}
	}
	for _, name := range found {
		if !local(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '\x7f' }) {
			return nil, fmt.Errorf("%w: it has a file %q, which could be written outside of the cache: do not use this repository", ErrHub, name)
		}
	}
	return found, nil
}

// checkPatterns fails where nothing is asked for, or something that cannot be.
func checkPatterns(patterns []string) error {
	if len(patterns) == 0 {
		return fmt.Errorf("%w: no file is asked for: * is every file of the top folder", ErrReference)
	}
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%w: pattern %q: %w", ErrReference, pattern, err)
		}
	}
	return nil
}

// ModelFiles returns patterns for what a language model is made of: its configuration, its
// weights as safetensors, and its tokenizer.
func ModelFiles() []string {
	return []string{
		"config.json", "generation_config.json", "*.safetensors", "*.safetensors.index.json",
		"tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json",
	}
}
