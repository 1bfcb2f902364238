package libos

// CallInfo is a call that exists, as the table describes it. It is for tools
// and tests that go through all of them; serving a call needs none of it.
type CallInfo struct {
	Nr      uint32
	Name    string
	Subject Subject
	Args    []Arg
}

// Calls lists the table of calls by number.
func Calls() []CallInfo {
	var table callTable
	table.fill()
	list := make([]CallInfo, 0, len(linuxCalls))
	for nr := range uint32(len(linuxCalls)) {
		if c := table[nr]; c != nil {
			list = append(list, CallInfo{Nr: c.nr, Name: c.name, Subject: c.subject, Args: c.args})
		}
	}
	return list
}
