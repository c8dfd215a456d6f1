package dl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Search says under which names and where a library may be. The order is:
//
//  1. the file that the environment variable Override names; then nothing else is tried,
//     since whoever set it wants this one;
//  2. each of Names, as the loader finds it: LD_LIBRARY_PATH, the cache of ldconfig, the
//     system's folders;
//  3. each of Folders, and in it each of Names.
//
// Names are exact, never patterns: one that matched libcuda* would find the stub that
// toolkits bring for linking, or a debugger's library.
type Search struct {
	Override string
	Names    []string
	Folders  []string
}

// NotFoundError says where a library was looked for in vain.
type NotFoundError struct {
	Search     Search
	Overridden bool      // the environment variable is set
	Attempts   []Attempt // files that are there and cannot be used
}

// Attempt is a file that could not be opened or was not accepted, and why.
type Attempt struct {
	Name string
	Err  error
}

// Error says why each file that was found could not be used, or where there was none.
func (e *NotFoundError) Error() string {
	var reasons []string
	for _, a := range e.Attempts {
		reasons = append(reasons, a.Err.Error())
	}
	switch {
	case e.Overridden:
		return e.Search.Override + ": " + reasons[0] // which begins with the file
	case reasons != nil:
		return strings.Join(reasons, "; ")
	}
	return fmt.Sprintf("there is no %s: the loader knows none, nor is one in %s", strings.Join(e.Search.Names, " or "), strings.Join(e.Search.Folders, ", "))
}

// Unwrap returns why each attempt failed.
func (e *NotFoundError) Unwrap() []error {
	errs := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		errs[i] = a.Err
	}
	return errs
}

// Find opens the first library that the search comes to and that accept takes. accept
// resolves the library's functions and checks its version; its error counts as that of an
// attempt, so that the search goes on to the next file. The error is a [*NotFoundError].
func (s Search) Find(accept func(*Library) error) (*Library, error) {
	failed := &NotFoundError{Search: s}
	try := func(name string) *Library {
		lib, err := Open(name)
		if err == nil {
			err = accept(lib)
		}
		if err == nil {
			return lib
		}
		failed.Attempts = append(failed.Attempts, Attempt{name, err})
		return nil
	}
	if path := os.Getenv(s.Override); path != "" {
		failed.Overridden = true
		if lib := try(path); lib != nil {
			return lib, nil
		}
		return nil, failed
	}
	for _, name := range s.Names {
		if lib := try(name); lib != nil {
			return lib, nil
		}
		if errors.Is(failed, ErrUnsupported) {
			return nil, failed
		}
		failed.forgetUnknown()
	}
	for _, folder := range s.Folders {
		for _, name := range s.Names {
			path := filepath.Join(folder, name)
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				continue
			}
			if lib := try(path); lib != nil {
				return lib, nil
			}
		}
	}
	return nil, failed
}

// forgetUnknown drops the last attempt if there was no file: glibc then says so of the name
// itself, and not of another library that the file needs.
func (e *NotFoundError) forgetUnknown() {
	last := len(e.Attempts) - 1
	a := e.Attempts[last]
	if strings.HasPrefix(a.Err.Error(), a.Name+": cannot open shared object file: No such file") {
		e.Attempts = e.Attempts[:last]
	}
}
