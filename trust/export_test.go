package trust

// ReadAs reads the signed part as the document of a role.
func ReadAs(e Envelope, role string) error {
	_, err := e.read(role)
	return err
}
