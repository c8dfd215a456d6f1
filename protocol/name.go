package protocol

import (
	"fmt"
	"regexp"
)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$`)

// ValidName says whether a participant or a job can be called so: names become parts of
// paths, certificates and messages.
func ValidName(name string) error {
	if namePattern.MatchString(name) {
		return nil
	}
	return fmt.Errorf("%q is not a name: use 1 to 64 letters, digits, '.', '_' and '-', not '.' or '-' first", name)
}
