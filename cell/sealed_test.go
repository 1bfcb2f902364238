package cell

import (
	"context"
	"io"
	"os"
	"slices"
	"testing"

	"spaceos/libos"
	"spaceos/manifest"
	"spaceos/world"
)

// TestSubjectsAreTheManifests: what a manifest can name is what the library OS
// can switch on.
func TestSubjectsAreTheManifests(t *testing.T) {
	if _, err := libos.Only(manifest.Subjects()); err != nil {
		t.Error(err)
	}
	for _, c := range libos.Calls() {
		if c.Subject != libos.SubjectCore && !slices.Contains(manifest.Subjects(), c.Subject.String()) {
			t.Errorf("%s is of the subject %v, which no manifest can name", c.Name, c.Subject)
		}
	}
}

func TestSubjectsThatAreOffDoNotExist(t *testing.T) {
	path := program(t, `
	write(1, "", 0);
	if (open("/in", O_RDONLY) >= 0)
		return 1;
	return lseek(0, 0, 0) == -1 ? 0 : 2;`)
	core, err := libos.Only(nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := run(t, context.Background(), Spec{Program: path, Subjects: core})
	if err != nil || r.Ended.Status != 0 || r.Calls.Unsupported["open"] != 1 || r.Calls.Unsupported["lseek"] != 1 || r.Calls.Served["open"] != 0 || r.Calls.Served["write"] != 1 {
		t.Errorf("with the core alone: %+v, %v, calls %+v", r.Ended, err, r.Calls)
	}
	r, err = run(t, context.Background(), Spec{Program: path})
	if err != nil || r.Ended.Status != 1 || len(r.Calls.Unsupported) != 0 {
		t.Errorf("with all: %+v, %v, calls %+v; want that open works", r.Ended, err, r.Calls)
	}
}

func TestRunOfSealedFiles(t *testing.T) {
	exe, err := os.Open(program(t, `
	char b[8];
	int fd = open("/app/model/table", O_RDONLY);
	return read(fd, b, 8) == 3 && b[0] == 'a' && access("/app/bin/hello", X_OK) == 0 && access("/app/model/table", X_OK) != 0 ? 42 : 1;`))
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	table, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	if _, err := io.WriteString(table, "abc"); err != nil {
		t.Fatal(err)
	}
	files := []world.SealedFile{{Path: "bin/hello", File: exe, Executable: true}, {Path: "model/table", File: table}}
	r, err := run(t, context.Background(), Spec{Program: "bin/hello", Sealed: files})
	if err != nil || r.Ended.Status != 42 || r.Program != "/app/bin/hello" || r.Digest == "" {
		t.Errorf("got %+v of %s (%s), %v; want exit status 42", r.Ended, r.Program, r.Digest, err)
	}
	for program, want := range map[string]int{"hello": StatusNotFound, "": StatusNotFound, "model/table": StatusNotRunnable} {
		if r, err := run(t, context.Background(), Spec{Program: program, Sealed: files}); Status(err) != want || r.Ended.Status != want {
			t.Errorf("the program %q: %+v, %v; want status %d", program, r.Ended, err, want)
		}
	}
}
