package cli

import (
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/protocol"
)

// OpenData opens a data set that a flag or a job names; what is wrong with it is a
// bad-data fault.
func OpenData(spec string) (data.Dataset, error) {
	ds, err := data.Open(spec)
	if err != nil {
		return nil, protocol.Faultf(protocol.CodeBadData, "give data that can be read: mnist, mnist:test, idx:FOLDER or synthetic:EXAMPLES:HxWxC:CLASSES:SEED",
			"data %q: %w", spec, err)
	}
	return ds, nil
}
