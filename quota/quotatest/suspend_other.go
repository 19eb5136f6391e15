//go:build !unix

package quotatest

import "errors"

// suspend is not possible here.
func (p *process) suspend() error { return errors.ErrUnsupported }

// resume is not possible here.
func (p *process) resume() error { return errors.ErrUnsupported }
