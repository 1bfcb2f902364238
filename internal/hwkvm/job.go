package hwkvm

import "time"

// A Job is one program run in the machine.
type Job struct {
	// Name is for people.
	Name string
	// Args are the program's absolute path in the machine and its arguments.
	Args []string
	// Env is added to PATH, HOME and TMPDIR, as K=V.
	Env []string
	// Dir is the working folder, made if it is missing; "" is /tmp.
	Dir string
	// Files are what the job needs: path in the machine to path on this host,
	// a file or a folder with all below it. Files of all jobs share one tree.
	Files map[string]string
	// Limit ends the job, with what it started, after that time; 0 is a minute.
	Limit time.Duration
}

// A Result is what a job did. Standard output and error are one stream.
type Result struct {
	Job    Job
	Output []byte // cut after MaxOutput, with a line that says so
	Status int    // as a shell has it: 128 + signal; 127 if it did not start
	Time   time.Duration
	Ended  bool   // false: the machine stopped before or while the job ran
	Error  string // why it did not start or was ended, "" otherwise
}

// MaxOutput bounds the output of one job, in bytes.
const MaxOutput = 8 << 20

// Plan is what the guest's first process reads: jobs and kernel modules, in
// the order in which they are loaded.
type Plan struct {
	Modules []string
	Jobs    []Job
}

// PlanPath is where the plan lies in the machine.
const PlanPath = "/plan.json"

// DataPort is the device through which the guest answers: a line of JSON for
// each Message.
const DataPort = "/dev/ttyS1"

// A Message is a piece of output or the end of a job. Job is its number, or
// OfMachine; the machine's end is the last message.
type Message struct {
	Job    int           `json:"job"`
	Output []byte        `json:"output,omitempty"`
	Ended  bool          `json:"ended,omitempty"`
	Status int           `json:"status,omitempty"`
	Time   time.Duration `json:"time,omitempty"`
	Error  string        `json:"error,omitempty"`
}

// OfMachine is the Job of a message that speaks of the machine itself.
const OfMachine = -1

// maxMessage bounds one line; Chunk bounds the output in it.
const (
	maxMessage = 1 << 20
	Chunk      = 32 << 10
)
