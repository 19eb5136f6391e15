package filequota

import (
	"os"
	"syscall"
)

// mntLocal marks what is not reached over a network, in the flags of statfs(2).
const mntLocal = 0x1000

// fileSystem names the file system of a directory, if there is something to say about it.
func fileSystem(dir string) (string, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return "", &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if fs.Flags&mntLocal != 0 {
		return "", nil
	}
	var name []byte
	for _, c := range fs.Fstypename {
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	return string(name), nil
}
