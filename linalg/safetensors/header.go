package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// metadataKey is the one key of a header that is not a tensor.
const metadataKey = "__metadata__"

// elementSize is the size in bytes of the format's types.
var elementSize = map[string]int64{
	"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
	"I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}

// parse reads the header's JSON. It goes key by key, so that one given twice is noticed.
func (f *File) parse(header []byte) error {
	if !utf8.Valid(header) {
		return errors.New("the header is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(header))
	err := eachKey(d, func(name string) error {
		if name == metadataKey {
			return f.parseMetadata(d)
		}
		info, err := parseInfo(d, name)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		f.infos = append(f.infos, info)
		return nil
	})
	if err != nil {
		return fmt.Errorf("the header: %w", err)
	}
	if rest := bytes.TrimLeft(header[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return errors.New("the header goes on after its JSON object")
	}
	return nil
}

func (f *File) parseMetadata(d *json.Decoder) error {
	err := eachKey(d, func(key string) error {
		value, err := d.Token()
		if err != nil {
			return err
		}
		text, ok := value.(string)
		if !ok {
			return fmt.Errorf("%q is not a string", key)
		}
		f.metadata[key] = text
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", metadataKey, err)
	}
	return nil
}

// parseInfo reads what the header says of one tensor, and checks it in itself.
func parseInfo(d *json.Decoder, name string) (Info, error) {
	info := Info{Name: name}
	var shape, offsets []int64
	err := eachKey(d, func(key string) (err error) {
		switch key {
		case "dtype":
			err = d.Decode(&info.DType)
		case "shape":
			err = d.Decode(&shape)
		case "data_offsets":
			err = d.Decode(&offsets)
		default:
			err = errors.New("it is not a key of the format")
		}
		if err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
		return nil
	})
	switch {
	case err != nil:
		return Info{}, err
	case info.DType == "":
		return Info{}, errors.New("it has no dtype")
	case shape == nil:
		return Info{}, errors.New("it has no shape")
	case len(offsets) != 2 || offsets[0] < 0 || offsets[1] < offsets[0]:
		return Info{}, fmt.Errorf("data_offsets are %v, not a begin and an end", offsets)
	}
	info.start, info.Bytes = offsets[0], offsets[1]-offsets[0]
	elements, err := elementsOf(shape)
	if err != nil {
		return Info{}, err
	}
	for _, dim := range shape {
		info.Shape = append(info.Shape, int(dim))
	}
	size, known := elementSize[info.DType]
	if known && (info.Bytes%size != 0 || info.Bytes/size != elements) {
		return Info{}, fmt.Errorf("shape %v of %s takes %d elements of %d bytes, data_offsets give %d bytes", shape, info.DType, elements, size, info.Bytes)
	}
	return info, nil
}

// elementsOf returns the product of the dimensions. An empty tensor's other dimensions
// must be possible too.
func elementsOf(shape []int64) (int64, error) {
	product, empty := int64(1), false
	for _, dim := range shape {
		if dim < 0 || dim > 0 && product > math.MaxInt/8/dim { // 8: the widest element
			return 0, fmt.Errorf("shape %v is not possible", shape)
		}
		product, empty = product*max(dim, 1), empty || dim == 0
	}
	if empty {
		return 0, nil
	}
	return product, nil
}

// eachKey reads a JSON object and calls value at each key, to read what stands under it.
func eachKey(d *json.Decoder, value func(key string) error) error {
	open, err := d.Token()
	if err != nil {
		return fmt.Errorf("no JSON object: %w", err)
	}
	if open != json.Delim('{') {
		return fmt.Errorf("%v stands where a JSON object is due", open)
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("%v stands where a key is due", t)
		}
		if seen[key] {
			return fmt.Errorf("%q is there twice", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
