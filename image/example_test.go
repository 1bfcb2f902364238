package image_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"spaceos/image"
	"spaceos/manifest"
)

// A program becomes an image, which is then read by someone who trusts nothing
// of it.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "hello"), []byte("a program"), 0o755); err != nil {
		log.Fatal(err)
	}
	m := manifest.Default()
	m.Name, m.Version, m.Tenant, m.Program = "hello", "1.0.0", "acme", "hello"

	from, err := os.OpenRoot(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer from.Close()
	w, err := image.Create(filepath.Join(dir, "hello.tar"), false)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Abort()
	if _, err := image.Seal(m, from, w); err != nil {
		log.Fatal(err)
	}

	layout, err := image.Open(filepath.Join(dir, "hello.tar"))
	if err != nil {
		log.Fatal(err)
	}
	defer layout.Close()
	img, err := layout.Verify()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(img.Name(), img.Digest)
	for _, f := range img.Files {
		fmt.Println(f.Mode(), f.Size, f.Path)
	}
	// Output:
	// hello:1.0.0 sha256:ca08d1719f76e85a369a3acbd314de65f23e877c191578bab1b33230a7c5a20a
	// 0555 9 hello
}
