package protocol

import (
	"errors"
	"fmt"
	"strings"
)

// Code names a fault: stable, for programs, and documented in docs/exit-codes.md.
type Code string

// The codes, each with its exit status below.
const (
	CodeUsage              Code = "usage"               // a flag or argument is wrong
	CodeBadJob             Code = "bad-job"             // the job file is wrong
	CodeJobMismatch        Code = "job-mismatch"        // the job does not fit the model or the state
	CodeBadData            Code = "bad-data"            // the data cannot be read or has the wrong shape
	CodeTokenRefused       Code = "token-refused"       // a join token is wrong or used
	CodeCertificateExpired Code = "certificate-expired" // a certificate is past its date
	CodeNameMismatch       Code = "name-mismatch"       // a participant under another's name
	CodeNameTaken          Code = "name-taken"          // the name belongs to someone else
	CodeUntrusted          Code = "untrusted"           // a certificate is not of this job's authority
	CodeJobFull            Code = "job-full"            // no place is left in the job
	CodeDiskFull           Code = "disk-full"           // state cannot be written
	CodeStateCorrupt       Code = "state-corrupt"       // state on disk fails its checksum
	CodeStateLocked        Code = "state-locked"        // another process uses the state folder
	CodeStateLost          Code = "state-lost"          // state that the job needs is gone
	CodeOutOfMemory        Code = "out-of-memory"       // a device has too little memory for the job
	CodeNoDevice           Code = "no-device"           // the device that was asked for cannot be used
	CodePortInUse          Code = "port-in-use"         // the address cannot be listened on
	CodeUnreachable        Code = "unreachable"         // nothing answers at the address
	CodeVersion            Code = "version"             // no common protocol version
	CodeProtocol           Code = "protocol"            // a frame or message is not valid
	CodeDiverged           Code = "diverged"            // numbers are not finite
	CodeVerifyFailed       Code = "verify-failed"       // an expectation of cola verify does not hold
	CodeInternal           Code = "internal"            // a defect of cola
)

// exitStatus is the process's exit status for each code. Never renumber.
var exitStatus = map[Code]int{
	CodeVerifyFailed:       1,
	CodeUsage:              2,
	CodeBadJob:             10,
	CodeJobMismatch:        11,
	CodeBadData:            12,
	CodeTokenRefused:       20,
	CodeCertificateExpired: 21,
	CodeNameMismatch:       22,
	CodeNameTaken:          23,
	CodeUntrusted:          24,
	CodeJobFull:            25,
	CodeDiskFull:           30,
	CodeStateCorrupt:       31,
	CodeStateLocked:        32,
	CodeStateLost:          33,
	CodePortInUse:          34,
	CodeUnreachable:        35,
	CodeOutOfMemory:        36,
	CodeNoDevice:           37,
	CodeVersion:            40,
	CodeProtocol:           41,
	CodeDiverged:           42,
	CodeInternal:           70,
}

// ExitStatus returns the exit status that stands for the code: 70 for an unknown one.
func (c Code) ExitStatus() int {
	if s, ok := exitStatus[c]; ok {
		return s
	}
	return exitStatus[CodeInternal]
}

// Fault is an error that a person reads: what happened, to whom, and how to mend it.
type Fault struct {
	Code        Code
	Cause       string // what is wrong and where
	Fix         string // what to do
	Participant string // whose, if anyone's
	Round       uint64 // in which round, if in one
	Err         error  // the error underneath, if any
}

// Faultf returns a fault whose cause is formatted; %w keeps the error underneath.
func Faultf(code Code, fix, format string, args ...any) *Fault {
	err := fmt.Errorf(format, args...)
	return &Fault{Code: code, Cause: err.Error(), Fix: fix, Err: errors.Unwrap(err)}
}

// Error returns the cause with its place and fix on one line.
func (f *Fault) Error() string {
	var b strings.Builder
	if f.Participant != "" {
		fmt.Fprintf(&b, "participant %s: ", f.Participant)
	}
	if f.Round != 0 {
		fmt.Fprintf(&b, "round %d: ", f.Round)
	}
	fmt.Fprintf(&b, "%s [%s]", f.Cause, f.Code)
	if f.Fix != "" {
		fmt.Fprintf(&b, "; to mend it: %s", f.Fix)
	}
	return b.String()
}

// Unwrap returns the error underneath.
func (f *Fault) Unwrap() error { return f.Err }

// Message returns the fault as it travels.
func (f *Fault) Message() *Error {
	return &Error{Code: string(f.Code), Cause: f.Cause, Fix: f.Fix, Participant: f.Participant, Round: f.Round}
}

// Fault returns the fault that the message carries.
func (m *Error) Fault() *Fault {
	return &Fault{Code: Code(m.Code), Cause: m.Cause, Fix: m.Fix, Participant: m.Participant, Round: m.Round}
}

// AsFault returns err as a fault: the one it wraps, or an internal one around it.
func AsFault(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return &Fault{Code: CodeInternal, Cause: err.Error(), Fix: "report it with the log; this is a defect of cola", Err: err}
}
