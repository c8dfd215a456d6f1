package report

import "time"

// SetClock makes the progress read the time from now.
func (p *Progress) SetClock(now func() time.Time) { p.now = now }
