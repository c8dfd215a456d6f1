package protocol

// The versions of the protocol that this release speaks. A version fixes the messages,
// their fields and their order; the frame has a format number of its own.
const (
	MinVersion uint16 = 2
	MaxVersion uint16 = 2
)

// Negotiate returns the highest version that both sides speak.
func Negotiate(h *Hello) (uint16, error) {
	version := min(h.MaxVersion, MaxVersion)
	if h.MinVersion > h.MaxVersion || version < MinVersion || version < h.MinVersion {
		return 0, Faultf(CodeVersion, "use releases that have a protocol version in common; cola version prints them",
			"the participant (%s) speaks protocol versions %d to %d, the coordinator %d to %d",
			h.Software, h.MinVersion, h.MaxVersion, MinVersion, MaxVersion)
	}
	return version, nil
}
