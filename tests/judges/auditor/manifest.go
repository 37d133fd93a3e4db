package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// checkManifest checks that a file is the export that its signed manifest describes.
func checkManifest(key, path, export string) error {
	signed, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(signed), "numbercloak export/1\n")
	var told struct {
		Records     int64
		Bytes       int64
		Sha256      string
		Checkpoints []string
	}
	if err := json.NewDecoder(strings.NewReader(rest)).Decode(&told); err != nil || len(told.Checkpoints) == 0 {
		return errors.New("not the manifest of an export")
	}
	for _, text := range told.Checkpoints {
		if _, err := openCheckpoint(key, text); err != nil {
			return err
		}
	}
	origin, _, _ := strings.Cut(told.Checkpoints[len(told.Checkpoints)-1], "\n")
	verifier, err := keyFor(key, origin)
	if err != nil {
		return err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	if !strings.HasPrefix(opened.Text, "numbercloak export/1\n{") {
		return errors.New("not the manifest of an export")
	}
	file, err := os.Open(export)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, file)
	if err != nil {
		return err
	}
	if size != told.Bytes || hex.EncodeToString(hash.Sum(nil)) != told.Sha256 {
		return errors.New("the file is not the one that was written")
	}
	fmt.Printf("%d records in %d bytes, as %s signed\n", told.Records, size, origin)
	return nil
}
