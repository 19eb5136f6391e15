package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"
)

// measurement is the memory of this process while a task runs.
type measurement struct {
	resident int64 // at its start; 0 if the system does not tell
	mapped   int64 // by Go, at its start

	stop chan struct{}
	wait sync.WaitGroup
	peak int64 // of what Go mapped
}

func begin() *measurement {
	debug.FreeOSMemory()
	m := &measurement{mapped: goMemory(), stop: make(chan struct{})}
	if os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil { // the peak is that of now
		m.resident = status("VmHWM")
	}
	m.peak = m.mapped
	m.wait.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				m.peak = max(m.peak, goMemory())
			case <-m.stop:
				return
			}
		}
	})
	return m
}

func (m *measurement) end() added {
	close(m.stop)
	m.wait.Wait()
	a := added{mapped: m.peak - m.mapped}
	if m.resident > 0 {
		a.before, a.resident = m.resident, status("VmHWM")-m.resident
	}
	return a
}

// added is what a task added to the peak, in bytes.
type added struct {
	before   int64
	resident int64 // of the process; 0 if the system does not tell
	mapped   int64 // by Go
}

func (a added) most() int64 {
	if a.resident > 0 {
		return a.resident
	}
	return a.mapped
}

func (a added) String() string {
	const mib = 1 << 20
	text := fmt.Sprintf("added to the peak of Go's memory: %.1f MiB", float64(a.mapped)/mib)
	if a.resident > 0 {
		text = fmt.Sprintf("added to the peak of %.1f MiB: %.1f MiB; %s", float64(a.before)/mib, float64(a.resident)/mib, text)
	}
	return text
}

// goMemory is what Go holds of the system's memory.
func goMemory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64()) //nolint:gosec // no machine has as much
}

// status reads a size of this process; 0 if the system does not tell.
func status(name string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(string(found[1]), 10, 64)
	return kilobytes << 10
}
