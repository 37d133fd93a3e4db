package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// tiles reads a log's public tiles, for Go's own proofs. C2SP names them as Go does, without the height.
type tiles struct{ log string }

func (t tiles) Height() int { return 8 }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, one := range wanted {
		path := "/tile/" + strings.TrimPrefix(one.Path(), "tile/8/")
		data, err := get(t.log + path)
		if err != nil {
			return nil, err
		}
		read = append(read, data)
	}
	return read, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func get(url string) ([]byte, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, 1<<20))
}

// checkPublic proves, from nothing but what is public, that a log's last checkpoint continues those that were
// kept, and that the record of a proof's file is in it.
func checkPublic(key, log, proof string, kept []checkpoint) error {
	log = strings.TrimSuffix(log, "/")
	text, err := get(log + "/checkpoint")
	if err != nil {
		return err
	}
	last, err := openCheckpoint(key, string(text))
	if err != nil {
		return err
	}
	if !strings.HasSuffix(log, "//"+last.origin) {
		return fmt.Errorf("the checkpoint there is of %s", last.origin)
	}
	// Every tile is checked against the checkpoint's root before a hash of it is used.
	reader := tlog.TileHashReader(tlog.Tree{N: last.size, Hash: last.root}, tiles{log})
	for _, old := range kept {
		if old.origin != last.origin {
			return errors.New("a checkpoint kept is of another log")
		}
		if old.size > last.size {
			return fmt.Errorf("a checkpoint kept covers %d leaves, the log's last %d: records were lost or cut off", old.size, last.size)
		}
		tree, err := tlog.ProveTree(last.size, old.size, reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(tree, last.size, last.root, old.size, old.root); err != nil {
			return err
		}
		fmt.Printf("the checkpoint of %d leaves of %s continues that of %d\n", last.size, last.origin, old.size)
	}
	if proof == "" {
		return nil
	}
	file, err := os.ReadFile(proof)
	if err != nil {
		return err
	}
	var given struct {
		Leaf int64
		Body string
	}
	if err := json.Unmarshal(file, &given); err != nil {
		return err
	}
	record, err := tlog.ProveRecord(last.size, given.Leaf, reader)
	if err != nil {
		return err
	}
	hash := tlog.RecordHash([]byte(given.Body))
	if err := tlog.CheckRecord(record, last.size, last.root, given.Leaf, hash); err != nil {
		return err
	}
	fmt.Printf("leaf %d of %s: %s\n", given.Leaf, last.origin, given.Body)
	return nil
}
