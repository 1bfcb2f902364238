package mutants

const attack, signatures, forms = "TestAttack/", "TestAttackOnSignatures/", "TestBadForms/"

// trustConditions are checks of the verifier that are a condition.
var trustConditions = []Mutant{
	// Envelopes.
	{"a document of any length", "trust/document.go", "if len(doc) > MaxDocument {", "if len(doc) < 0 {", "trust", attack + "endless_data"},
	{"an envelope of any kind", "trust/document.go", "doc[0] != envelopeKind", "false", "trust", "TestBadEnvelopes/of_another_kind"},
	{"any number of signatures", "trust/document.go", "doc[1] > maxSignatures", "false", "trust", "TestBadEnvelopes/too_many_signatures"},
	{"signatures behind the end", "trust/document.go", "len(rest)-head < int(binary.BigEndian.Uint16(rest[sha256.Size:]))", "false", "trust", "TestBadEnvelopes/ends_within_a_signature"},
	{"key ids behind the end", "trust/document.go", "len(rest) < head", "false", "trust", "TestBadEnvelopes/ends_within_a_key_id"},
	{"a key signs a document twice", "trust/document.go", "if e.signature(s.Key) != nil {", "if false {", "trust", signatures + "same_key_twice"},
	// Signatures.
	{"the threshold", "trust/document.go", "good < r.threshold {", "good < min(1, r.threshold)", "trust", signatures + "below_threshold"},
	{"the Ed25519 half", "trust/document.go", "if !ed25519.Verify(p.ed25519, e.Signed, e.signature(p.ed25519ID)) {", "if false {", "trust", signatures + "half_of_a_pair_missing"},
	{"a key without its partner", "trust/document.go", "len(ids)%2 != 0", "false", "trust", forms + "half_a_pair_more"},
	{"a threshold beyond the keys", "trust/document.go", "n > len(ids)", "false", "trust", forms + "a_threshold_beyond_the_keys"},
	{"a threshold of half a pair", "trust/document.go", "n%2 != 0", "false", "trust", signatures + "threshold_of_half_a_pair"},
	{"a key twice in a role", "trust/document.go", "if slices.Contains(ids[:i], id) {", "if false {", "trust", signatures + "shared_half_of_two_pairs"},
	{"a key of any scheme", "trust/document.go", `if k.Str("scheme") != scheme || k.Str("keytype") != keytype {`, `if k.Str("scheme") == "" || k.Str("keytype") == "" {`, "trust", signatures + "unknown_algorithm"},
	{"a key under another id", "trust/document.go", "if d = spaceos.DigestOf(v.Bytes()); toHex(d) != id {", "false", "trust", signatures + "key_under_another_id"},
	{"a key written in capitals", "trust/document.go", "strings.ToLower(text) != text", "false", "trust", signatures + "key_written_in_another_way"},
	{"a key without its first line", "trust/document.go", "!begins", "false", "trust", signatures + "key_written_in_another_way"},
	{"a key without its last line", "trust/document.go", "!ends", "false", "trust", signatures + "key_written_in_another_way"},
	// The form of documents.
	{"another specification", "trust/roles.go", `if spec := f.Str("spec_version"); !strings.HasPrefix(spec, "1.0.") {`, `spec == ""`, "trust", forms + "another_specification"},
	{"a snapshot that may change", "trust/roles.go", `if !f.Bool("consistent_snapshot") {`, "false", "trust", forms + "a_snapshot_that_may_change"},
	{"files in any form", "trust/roles.go", "!bytes.Equal(v.Bytes(), want)", "false", "trust", forms + "a_second_digest"},
	{"files of any length", "trust/roles.go", "n.Length < 0", "false", "trust", forms + "a_length_below_nothing"},
	{"files of any version", "trust/roles.go", "versioned && n.version < 1", "false", "trust", forms + "a_file_of_version_0"},
	{"pieces of any name", "trust/roles.go", "if err != nil || !ok || n < 0 {", "!ok || n < 0", "trust", forms + "a_piece_that_is_no_digest"},
	{"delegations that go on", "trust/roles.go", `r.Bool("terminating") != terminating`, `r.Bool("terminating") && false`, "trust", forms + "a_delegation_that_goes_on"},
	{"tenants of any name", "trust/roles.go", "spaceos.ValidName(own) != nil", "false", "trust", forms + "a_tenant's_name_that_is_none"},
	{"a charter of any name", "trust/roles.go", "spaceos.ValidName(name) != nil", "false", "trust", forms + "a_charter_of_a_name_that_is_none"},
	{"keys for products in any form", "trust/roles.go", `key != "" && err != nil`, "false", "trust", forms + "a_key_for_products_that_is_no_digest"},
	{"profiles of anything", "trust/roles.go", "k != canonical.Text && k != canonical.Number", "false", "trust", forms + "a_profile_that_holds_a_list"},
	{"a payload planned twice", "trust/roles.go", "slices.ContainsFunc(d.runs, r.same)", "false", "trust", forms + "a_payload_planned_twice"},
	{"a document of another type", "trust/roles.go", `if got := f.Str("_type"); got != kind {`, `if got := f.Str("_type"); got == "" {`, "trust", attack + "document_of_another_type"},
	{"a document of another role", "trust/roles.go", `if got := f.Str("x-spaceos-role"); got != name {`, `if got := f.Str("x-spaceos-role"); got == "" {`, "trust", attack + "swapped_groups"},
	{"a time in any form", "trust/roles.go", "if err != nil || at.Format(timeForm) != text {", "if err != nil {", "trust", signatures + "time_in_another_form"},
	// Folders.
	{"paths outside of the folder", "trust/roles.go", "if !maySign(name, path) {", "if false {", "trust", attack + "role_outside_its_folder"},
	{"a folder within the folder", "trust/roles.go", "spaceos.ValidName(payload) == nil && isWord(version, \"\")", "true", "trust", attack + "deeper_than_its_folder"},
	{"delegations of any folder", "trust/roles.go", "paths[0] != pattern(own)", "false", "trust", attack + "delegation_of_too_much"},
	// Roots.
	{"a second root of the factory", "trust/verifier.go", "if _, err := store.Get(stateName); !errors.Is(err, fs.ErrNotExist) {", "false", "trust", signatures + "second_root_of_the_factory"},
	{"a root by itself alone", "trust/verifier.go", "if err := old.roles[roleRoot].verify(e); err != nil {", "false", "trust", signatures + "root_signed_by_itself_alone"},
	{"a root without its own signature", "trust/verifier.go", "if err := r.verify(e); err != nil {", "false", "trust", signatures + "root_not_signed_by_itself"},
	{"a root that skips a version", "trust/verifier.go", "if r.version != old.version+1 {", "if r.version <= old.version {", "trust", signatures + "root_that_skips_a_version"},
	{"a set of a key that was taken away", "trust/verifier.go", "r.roles[roleTimestamp].verify(e) == nil", "true", "trust", signatures + "revoked_key"},
	// Sets.
	{"a timestamp that anyone signed", "trust/verifier.go", "if err := root.roles[roleTimestamp].verify(e); err != nil {", "false", "trust", signatures + "revoked_key"},
	{"a set is opened twice", "trust/verifier.go", "v.sets[twin].snapshot == t.snapshot && slices.Equal(v.sets[twin].pieces, t.pieces)", "v.sets[twin].stamp == digest", "trust", signatures + "signatures_added_on_the_way"},
	{"an older timestamp", "trust/verifier.go", "t.version <= held.Version", "false", "trust", attack + "rollback"},
	{"an expired document", "trust/verifier.go", "if d.expires <= v.floor {", "if false {", "trust", attack + "freeze"},
	{"a role of nobody", "trust/document.go", "r.threshold < 1", "false", "trust", signatures + "role_of_nobody"},
	{"an expired root", "trust/verifier.go", "if err := cmp.Or(v.fresh(roleRoot, root), v.fresh(roleTimestamp, t)); err != nil {", "v.fresh(roleTimestamp, t) != nil", "trust", attack + "freeze_by_an_old_root"},
	{"any number of open sets", "trust/verifier.go", "if len(v.sets) == MaxOpen {", "if false {", "trust", "TestAtMostTwoSetsAreOpen"},
	{"an old set closes a newer one", "trust/verifier.go", "if oldest.version >= t.version {", "if false {", "trust", "TestAtMostTwoSetsAreOpen"},
	{"a piece that nothing names", "trust/verifier.go", "if !slices.ContainsFunc(v.sets, named) {", "if false {", "trust", attack + "unnamed_piece"},
	{"a piece of another length", "trust/verifier.go", "slices.Contains(s.pieces, Piece{d, length})", "slices.ContainsFunc(s.pieces, func(p Piece) bool { return p.Digest == d })", "trust", attack + "named_piece_of_another_length"},
	{"any number of bytes for open sets", "trust/verifier.go", "if !v.fits(d, e.size()) {", "if false {", "trust", "TestStoredPiecesAreBounded"},
	{"a document that the timestamp does not name", "trust/set.go", "if d != c.set.stamp && !slices.ContainsFunc(c.set.pieces, func(p Piece) bool { return p.Digest == d }) {", "if false {", "trust", attack + "charter_not_named"},
	{"a document that anyone signed", "trust/set.go", "if err := r.verify(e); err != nil {", "false", "trust", signatures + "signed_part_changed"},
	{"another version than the snapshot's", "trust/set.go", "if d.version != named.version {", "if false {", "trust", attack + "mix_and_match"},
	{"an older document", "trust/set.go", "if d.version < held.Version || d.version == held.Version && other {", "if d.version == held.Version && other {", "trust", attack + "rollback_of_one_document"},
	{"a second document of one version", "trust/set.go", "held.Digest != named.Digest && held.Digest != spaceos.Digest{}", "false", "trust", attack + "two_documents_of_one_version"},
	{"a tenant that the snapshot hides", "trust/set.go", "if !ok && c.v.counter(name, r).Version == 0 {", "if !ok {", "trust", attack + "hidden_tenant"},
	{"a tenant that two delegate to", "trust/set.go", "if !ok || slices.ContainsFunc(c.next, func(h Held) bool { return h.Role == name }) {", "if !ok {", "trust", attack + "tenant_delegated_twice"},
	{"counters that start anew with one new key", "trust/set.go", "!slices.ContainsFunc(held.Keys, func(k spaceos.Digest) bool { return slices.Contains(keys, k) })", "!slices.Equal(held.Keys, keys)", "trust", attack + "fast_forward_and_recovery"},
	{"counters that never start anew", "trust/set.go", "len(held.Keys) > 0", "false", "trust", attack + "fast_forward_and_recovery"},
	// The store.
	{"a damaged document", "trust/state.go", "if got, _ := e.Digest(); err == nil && got != d {", "false", "trust", "TestDamagedDocumentIsMissing"},
	{"a damaged state", "trust/state.go", "!bytes.HasPrefix(data, sum[:])", "false", "trust", "TestDamagedStateIsNoticed"},
	// Plans and admission.
	{"a plan that anyone signed", "trust/admit.go", "if err := root.roles[roleDirector].verify(e); err != nil {", "false", "trust", signatures + "revoked_key"},
	{"a plan for another spacecraft", "trust/admit.go", "if p.spacecraft != v.spacecraft {", "if false {", "trust", attack + "wrong_spacecraft"},
	{"an older plan", "trust/admit.go", "if p.version <= held.Version || p.version > held.Version+maxLeap {", "if p.version > held.Version+maxLeap {", "trust", attack + "rollback_of_the_plan"},
	{"an expired plan", "trust/admit.go", `if err := cmp.Or(v.fresh(roleRoot, root), v.fresh("plan", p)); err != nil {`, "v.fresh(roleRoot, root) != nil", "trust", attack + "freeze_by_an_old_plan"},
	{"a path that nobody signed", "trust/admit.go", "if !ok {", "if false {", "trust", "TestTarget"},
	{"an image that its tenant did not sign", "trust/admit.go", "if signed.Digest != c.Image {", "if false {", "trust", attack + "another_tenants_image"},
	{"a revoked image", "trust/admit.go", "if slices.Contains(d.revoked, image) {", "if false {", "trust", attack + "revoked_digest"},
	{"an image that is not planned", "trust/admit.go", "if at < 0 || runs[at].Image != c.Image {", "if at < 0 {", "trust", attack + "stolen_tenant_key"},
	{"an engine that is not granted", "trust/admit.go", `if c.Engine != "" && c.Engine != "auto" && !slices.Contains(tenant.engines, c.Engine) {`, "if false {", "trust", attack + "engine_not_granted"},
	{"a lease beyond the charter", "trust/admit.go", "if err := within(runs[at], tenant.ceiling, tenant.services); err != nil {", "false", "trust", attack + "stolen_director_key"},
	{"a manifest beyond its lease", "trust/admit.go", "if err := within(c.Run, runs[at].Limits, runs[at].Services); err != nil {", "false", "trust", attack + "more_than_the_lease"},
	{"services that are not granted", "trust/admit.go", "if !slices.Contains(services, s) {", "if false {", "trust", attack + "more_than_the_lease"},
	// The wire.
	{"a squeezed document of any length", "trust/wire/wire.go", "if len(message) == 0 || len(message) > MaxMessage {", "if len(message) == 0 {", "trust/wire", "TestUnpackRefuses"},
}

// trustStatements are those that are a statement.
var trustStatements = []Mutant{
	{"an expired document of a set", "trust/set.go", "return d, c.v.fresh(name, d)", "return d, nil", "trust", attack + "freeze_of_one_document"},
}

// verifierAlone are checks that need a program of their own.
var verifierAlone = []Mutant{
	{"fields that nobody knows", "trust/roles.go", "if err := f.Done(); err != nil {", "if err := f.Err(); err != nil {", "trust", signatures + "unknown_field"},
	{"two timestamps of one version", "trust/verifier.go", "|| twin >= 0 {", "{", "trust", attack + "two_timestamps_of_one_version"},
	{"an expired tenant stops the set", "trust/set.go", "!errors.Is(err, ErrExpired)", "!errors.Is(err, ErrFull)", "trust", attack + "a_tenant_that_does_not_sign_again_stops_nobody"},
	{"an expired root of an open set", "trust/set.go", "cmp.Or(err, v.fresh(roleRoot, root))", "cmp.Or(err)", "trust", attack + "freeze_by_an_old_root"},
	{"an expired root of a plan", "trust/admit.go", `cmp.Or(v.fresh(roleRoot, root), v.fresh("plan", p))`, `cmp.Or(v.fresh("plan", p))`, "trust", attack + "freeze_by_an_old_root"},
	{"the ML-DSA half", "trust/document.go", `return err == nil && mldsa.Verify(key, append([]byte("tuf\x01"), sum[:]...), e.signature(p.mldsaID), nil) == nil`, `return err == nil && sum[0] == sum[0] && key != nil`, "trust", signatures + "half_of_a_pair_missing"},
	{"paths that begin like the folder", "trust/roles.go", `"tenant/"+name+"/")`, `"tenant/"+name)`, "trust", attack + "prefix_confusion_without_slash"},
	{"counters are forgotten with their tenant", "trust/set.go", "			next.Held = append(next.Held, h)\n", "", "trust", "TestCountersOutliveTheirTenant"},
	{"a plan's counter leaps", "trust/admit.go", "if p.version <= held.Version || p.version > held.Version+maxLeap {", "if p.version <= held.Version {", "trust", attack + "stolen_director_key"},
	{"a tenant revokes what is another's", "trust/admit.go", "[]string{charterName, tenantPrefix + tenant}", "[]string{charterName, tenantPrefix + \"a\"}", "trust", attack + "revoked_digest_by_its_tenant"},
	{"a message that grows without bound", "trust/wire/wire.go", ", zstd.WithDecoderMaxMemory(trust.MaxDocument)}", "}", "trust/wire", "TestUnpackRefuses"},
}
