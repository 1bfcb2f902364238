package author

//go:generate go run spaceos/internal/makeschema
