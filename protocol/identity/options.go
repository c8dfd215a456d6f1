package identity

import "time"

// Validities that hold where nothing else is said.
const (
	DefaultTokenValidity       = 7 * 24 * time.Hour   // of a join token
	DefaultCertificateValidity = 365 * 24 * time.Hour // of a participant's certificate

	authorityValidity   = 10 * 365 * 24 * time.Hour
	coordinatorValidity = 90 * 24 * time.Hour
	// backdate is how far behind the authority's a participant's clock may be.
	backdate = time.Hour
)

type options struct {
	clock    func() time.Time
	validity time.Duration
}

// Option changes how [OpenAuthority] and [OpenIdentity] work.
type Option func(*options)

// WithClock makes all dates be read from and checked against clock in place of
// [time.Now].
func WithClock(clock func() time.Time) Option {
	return func(o *options) { o.clock = clock }
}

// WithValidity makes an authority issue certificates that are valid for d in place
// of [DefaultCertificateValidity]. They never outlive the authority itself.
func WithValidity(d time.Duration) Option {
	return func(o *options) { o.validity = d }
}

func collect(opts []Option) options {
	o := options{clock: time.Now, validity: DefaultCertificateValidity}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}
