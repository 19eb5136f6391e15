//go:build !linux && !darwin

package filequota

// fileSystem names the file system of a directory. Here it cannot tell.
func fileSystem(string) (string, error) { return "", nil }
