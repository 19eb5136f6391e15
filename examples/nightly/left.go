package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/actito-go/actito"
)

// left is an import that was about to be sent, and that no run has reported on yet. It holds no personal data.
type left struct {
	Day    string        `json:"day"`
	Handle actito.Handle `json:"handle"`
}

// state is the folder in which the job keeps what has to outlive it: the ledger of imports, and what is left.
type state string

func (s state) ledger() string { return filepath.Join(string(s), "actito-quota.json") }
func (s state) left() string   { return filepath.Join(string(s), "left.json") }

// keep writes what is left. The file is there as a whole or not at all, whatever dies at any moment: it is on the disk
// before it takes the place of the former one.
func (s state) keep(l left) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(string(s), "left-*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // which finds nothing once it is renamed
	_, err = file.Write(text)
	if err = cmp.Or(err, file.Sync()); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), s.left()); err != nil {
		return err
	}
	return s.sync()
}

// sync makes a rename survive a power failure. Windows cannot open folders for it.
func (s state) sync() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(string(s))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// read returns what an earlier run left; the error is os.ErrNotExist if none left anything.
func (s state) read() (l left, err error) {
	text, err := os.ReadFile(s.left())
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return l, fmt.Errorf("%s: %w", s.left(), err)
	}
	return l, nil
}

// forget removes what was left, once it is reported.
func (s state) forget() error {
	if err := os.Remove(s.left()); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
