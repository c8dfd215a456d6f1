package identity

import (
	"fmt"
	"os"
	"strings"
)

// Enrolled returns the names that belong to a key, ascending.
func (a *Authority) Enrolled() ([]string, error) {
	entries, err := os.ReadDir(a.path(enrolledDir))
	if err != nil {
		return nil, fmt.Errorf("list who is enrolled: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			names = append(names, name)
		}
	}
	return names, nil
}
