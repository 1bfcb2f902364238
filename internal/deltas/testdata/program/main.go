// Command fixture is a server of a size that payloads in Go have: what it does
// is of no matter, what it links is.
package main

import (
	"encoding/json"
	"fmt"
	"html/template"
	"log"
	"net/http"
	"os"

	"fixture/leaf"
)

var page = template.Must(template.New("page").Parse(`<p>{{.}}</p>`))

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		sum := leaf.Sum([]byte(r.URL.Path))
		if r.Header.Get("Accept") == "application/json" {
			json.NewEncoder(w).Encode(map[string]uint64{"sum": sum})
			return
		}
		if err := page.Execute(w, sum); err != nil {
			log.Print(err)
		}
	})
	fmt.Fprintln(os.Stderr, "listening on", os.Args[1])
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
