package cuda

// Held returns the bytes that tensors hold, and those that wait for the next ones. The fake
// driver, which frees when somebody waits, counts more than that.
func (d *Device) Held() int64 {
	return d.open.bytes + word*int64(d.blocks.pool.Idle())
}
