package safetensors

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

// Map opens a file whose tensors stay where they are: [File.Tensor] returns views of the
// mapped file, whose bytes must not be changed. They stay valid when the File is closed, to
// the end of the process, also when the file is removed or another takes its name, as
// [WriteFile] and downloads do it. Who writes into the file changes them, and who cuts it
// ends the process. Systems without mapping read the whole file instead.
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

// Release gives the system back the memory that a mapped tensor was read into: it no longer
// counts as the process's. The tensor and its views stay valid, and are read again where
// somebody looks. Of a file that is not mapped nothing is released.
func (f *File) Release(name string) {
	i, ok := f.byName[name]
	if !ok || f.mapped == nil {
		return
	}
	begin := f.data + f.infos[i].start
	page := int64(os.Getpagesize())
	release(f.mapped[begin/page*page : begin+f.infos[i].Bytes])
}
