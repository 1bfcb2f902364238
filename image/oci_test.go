package image

import (
	"bytes"
	"strings"
	"testing"

	"github.com/opencontainers/image-spec/schema"
)

// TestLayoutFollowsOCI holds each document of a layout against the schemas of
// the OCI image specification, with its own validator.
func TestLayoutFollowsOCI(t *testing.T) {
	l := goodLayout(t)
	for _, c := range []struct {
		name string
		kind schema.Validator
		// bad is a text of the document whose absence the schema must notice:
		// else it would say nothing of ours.
		bad string
	}{
		{layoutFile, schema.ValidatorMediaTypeLayoutHeader, `"imageLayoutVersion"`},
		{indexFile, schema.ValidatorMediaTypeImageIndex, `"digest"`},
		{l.manifest(t), schema.ValidatorMediaTypeManifest, `"config"`},
	} {
		if err := c.kind.Validate(bytes.NewReader(l[c.name])); err != nil {
			t.Errorf("%s: %s\n%v", c.name, l[c.name], err)
		}
		broken := strings.ReplaceAll(string(l[c.name]), c.bad, `"other"`)
		if err := c.kind.Validate(strings.NewReader(broken)); err == nil {
			t.Errorf("the schema takes %s", broken)
		}
	}
}
