//go:build unix

package quotatest

import (
	"fmt"
	"syscall"
)

// suspend stops the process where it is, and returns when it stands still.
func (p *process) suspend() error {
	pid := p.cmd.Process.Pid
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); err != nil {
		return err
	}
	if !status.Stopped() {
		return fmt.Errorf("the process did not stop: %v", status)
	}
	return nil
}

// resume lets a suspended process go on.
func (p *process) resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }
