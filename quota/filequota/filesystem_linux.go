package filequota

import (
	"os"
	"syscall"
)

// kinds are the file systems to refuse or to warn about, by the numbers of statfs(2).
var kinds = map[uint32]string{
	0x6969:     "nfs",
	0x517b:     "smb",
	0xfe534d42: "smb",
	0xff534d42: "cifs",
	0x01021997: "9p",
	0x65735546: "fuse", // also sshfs, s3fs, virtiofs: the number does not tell them from local ones
	0x00c36400: "ceph",
	0x0bd00bd0: "lustre",
	0x47504653: "gpfs",
	0x7461636f: "ocfs2",
	0x01161970: "gfs2",
	0x5346414f: "afs",
	0x6b414653: "afs",
	0x73757245: "coda",
	0x01021994: "tmpfs",
	0x858458f6: "ramfs",
	0x794c7630: "overlay",
}

// fileSystem names the file system of a directory, if there is something to say about it.
func fileSystem(dir string) (string, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return "", &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return kinds[uint32(fs.Type)], nil //nolint:gosec // the numbers have 32 bits, whatever the field has
}
