package cuda

import "unsafe"

// stream is a queue of work for the GPU, done in order. Two streams run beside each other;
// what of one must wait for the other says so with an event.
type stream struct {
	c      *context
	handle uintptr
}

// newStream makes a stream that has no order with the legacy stream 0, which other
// libraries of the process may use.
func (c *context) newStream() (*stream, error) {
	const nonBlocking = 1 // CU_STREAM_NON_BLOCKING
	s := &stream{c: c}
	if err := c.driver.call(&c.driver.streamCreate, uintptr(unsafe.Pointer(&s.handle)), nonBlocking); err != nil {
		return nil, err
	}
	return s, nil
}

// synchronise waits until all of the stream's work is done, and returns the failure of any.
func (s *stream) synchronise() error {
	return s.c.driver.call(&s.c.driver.streamSynchronize, s.handle)
}

// wait makes work that is queued from now on wait for the event, as it was recorded last.
func (s *stream) wait(e *event) error {
	return s.c.driver.call(&s.c.driver.streamWaitEvent, s.handle, e.handle, 0)
}

func (s *stream) close() error {
	return s.c.driver.call(&s.c.driver.streamDestroy, s.handle)
}

// event marks a place in a stream.
type event struct {
	c      *context
	handle uintptr
}

// newEvent makes an event that only orders: one that tells the time too is slower.
func (c *context) newEvent() (*event, error) {
	const disableTiming = 2 // CU_EVENT_DISABLE_TIMING
	e := &event{c: c}
	if err := c.driver.call(&c.driver.eventCreate, uintptr(unsafe.Pointer(&e.handle)), disableTiming); err != nil {
		return nil, err
	}
	c.open.events++
	return e, nil
}

// record puts the event behind the work that is in the stream now.
func (e *event) record(s *stream) error {
	return e.c.driver.call(&e.c.driver.eventRecord, e.handle, s.handle)
}

// done says whether the work before the event is done. One that was never recorded is.
func (e *event) done() (bool, error) {
	r := int32(e.c.driver.eventQuery.Call(e.handle))
	if r == codeNotReady {
		return false, nil
	}
	err := e.c.driver.check(e.c.driver.eventQuery.Name, uintptr(r))
	return err == nil, err
}

// synchronise waits until the work before the event is done.
func (e *event) synchronise() error {
	return e.c.driver.call(&e.c.driver.eventSynchronize, e.handle)
}

func (e *event) close() error {
	err := e.c.driver.call(&e.c.driver.eventDestroy, e.handle)
	e.c.open.events--
	return err
}
