package mutants

// manifestConditions are checks of canonical JSON, of manifests, and of what
// tenants write.
var manifestConditions = []Mutant{
	{"a name twice in canonical JSON", "canonical/canonical.go", "if before != nil && bytes.Compare(before, name) >= 0 {", "if before != nil && bytes.Compare(before, name) > 0 {",
		"canonical", "TestParseRefuses"},
	{"strings of any bytes", "canonical/canonical.go", "if !utf8.Valid(p.text[start:p.at]) {", "if false {",
		"canonical", "TestParseRefuses"},
	{"arrays of any depth", "canonical/canonical.go", "if p.depth <= 0 {", "if p.depth <= -99 {",
		"canonical", "TestParseRefuses"},
	{"integers of any size", "canonical/canonical.go", "err != nil || n > MaxInt {", "err != nil {",
		"canonical", "TestParseRefuses"},
	{"more behind a value", "canonical/canonical.go", "if p.at != len(data) {", "if false {",
		"canonical", "TestParseRefuses"},
	{"unknown fields", "canonical/fields.go", "if !slices.Contains(f.known, name) {", "if false {",
		"canonical", "TestFields"},
	{"integers out of bounds", "canonical/fields.go", "} else if n < least || n > most {", "} else if n < least {",
		"canonical", "TestFields"},
	{"arrays of any length", "canonical/fields.go", "if i == most {", "if false {",
		"canonical", "TestFields"},
	{"a program outside of the folder", "manifest/validate.go", `case slices.Contains(strings.Split(p, "/"), ".."):`, "case false:",
		"manifest", "TestRules/a_program_outside"},
	{"an absolute program", "manifest/validate.go", "case p[0] == '/':", "case false:",
		"manifest", "TestRules/an_absolute_program"},
	{"limits of nothing", "manifest/validate.go", "case limit.Value() == 0:", "case false:",
		"manifest", "TestRules/no_data"},
	{"processor time that cannot be used", "manifest/validate.go", "case l.CPUTime > l.WallTime:", "case false:",
		"manifest", "TestRules/cpu_above_wall"},
	{"services without calls for files", "manifest/validate.go", "if len(m.Services) > 0 {", "if false {",
		"manifest", "TestRules/services,_no_files"},
	{"manifests of any size", "manifest/codec.go", "if len(data) > MaxSize {", "if false {",
		"manifest", "TestDecodeRefuses"},
	{"a key twice in YAML", "manifest/author/reader.go", "if before := r.lines[path]; before > 0 {", "if before := r.lines[path]; before > 1e6 {",
		"manifest/author", "TestBadManifests"},
	{"deep YAML", "manifest/author/reader.go", "if flow > maxNesting || entries > maxNesting || len(indents) > 2*maxNesting || t.Position.Column > maxColumn {", "if false {",
		"manifest/author", "TestBadManifests"},
	{"YAML of any size", "manifest/author/reader.go", "if len(text) > MaxSize {", "if false {",
		"manifest/author", "TestReadRefusesWhatIsNoFile"},
}

// manifestStatements are those of them that are a statement.
var manifestStatements = []Mutant{
	{"calls of subjects that are off", "libos/table.go", "return s == 0 || subject == SubjectCore || s&(1<<subject) != 0", "return true",
		"libos", "TestOnlySomeSubjects"},
}
