package identity

import (
	"os"
	"slices"
	"strings"
)

// Enrolled returns the names that belong to a key, ascending.
func (a *Authority) Enrolled() ([]string, error) {
	entries, err := os.ReadDir(a.path(enrolledDir))
	if err != nil {
		return nil, unreadable(a.path(enrolledDir), a.fix(), err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names) // of files, p.json comes after p-1.json
	return names, nil
}
