//go:build amd64

package kernel

import "syscall"

// tilesPermitted asks Linux for the use of AMX's registers, which the process must be given
// before it touches them.
func tilesPermitted() bool {
	const archReqXcompPerm, xfeatureTileData = 0x1023, 18
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, archReqXcompPerm, xfeatureTileData, 0)
	return errno == 0
}
