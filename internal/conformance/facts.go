package conformance

import (
	"encoding/gob"
	"fmt"
	"os"
)

// Facts are what programs did on one machine's Linux, by a name that writer and
// reader agree on, for a machine whose own Linux cannot be asked.
type Facts map[string]Result

// FactsVariable has the path of a file of facts.
const FactsVariable = "SPACEOS_FACTS"

// Write makes a file of them.
func (f Facts) Write(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := gob.NewEncoder(file).Encode(f); err != nil {
		return fmt.Errorf("cannot write what Linux did: %w", err)
	}
	return file.Close()
}

// ReadFacts reads such a file, of this project's own tests.
func ReadFacts(path string) (f Facts, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("no facts about Linux (%s): %w", FactsVariable, err)
	}
	defer file.Close()
	if err := gob.NewDecoder(file).Decode(&f); err != nil {
		return nil, fmt.Errorf("cannot read what Linux did: %w", err)
	}
	return f, nil
}
