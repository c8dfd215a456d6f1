package safetensors

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

// Map opens a file whose tensors stay where they are: [File.Tensor] returns views of the
// mapped file, whose bytes must not be changed. They stay valid when the File is closed, to
// the end of the process; cutting the file meanwhile ends the process. Systems without
// mapping read the whole file instead.
func Map(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := mapFile(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	f, err := Read(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.name, f.mapped = path+": ", content
	return f, nil
}
