package protocol

// The versions of the protocol that this release speaks. A version fixes the messages,
// their fields and their order; the frame has a format number of its own. Version 3 has
// [AsInt8], and is else version 2.
const (
	MinVersion uint16 = 2
	MaxVersion uint16 = 3
)

// Negotiate returns the highest version that both sides speak, if that is at least what the job
// needs: see [Encoding.Version].
func Negotiate(h *Hello, least uint16) (uint16, error) {
	version := min(h.MaxVersion, MaxVersion)
	if h.MinVersion > h.MaxVersion || version < MinVersion || version < h.MinVersion {
		return 0, Faultf(CodeVersion, "use releases that have a protocol version in common; cola version prints them",
			"the participant (%s) speaks protocol versions %d to %d, the coordinator %d to %d",
			h.Software, h.MinVersion, h.MaxVersion, MinVersion, MaxVersion)
	}
	if version < least {
		return 0, Faultf(CodeVersion, "give the participant the coordinator's release, or set x and g in the job's [wire] to \"f32\" or \"bf16\"",
			"the participant (%s) speaks protocol versions %d to %d, and the job sends int8, which version %d has",
			h.Software, h.MinVersion, h.MaxVersion, least)
	}
	return version, nil
}
