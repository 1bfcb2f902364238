package libos

// traceLine is one call on its way into the trace.
type traceLine struct{}

func (t *Thread) traceCall(c *call, a args) *traceLine { return nil }

func (l *traceLine) done(value uint64, e errno) {}

func (t *Thread) traceUnsupported(nr uint32, a args) {}
func (t *Thread) traceSignal(info sigInfo)           {}
func (t *Thread) traceEnd()                          {}
func (t *Process) traceStart()                       {}
