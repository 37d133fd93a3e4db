// auditor verifies an export of Numbercloak's audit log, or one proof, without a line of Numbercloak's own
// code: hashes, trees and signatures are those of golang.org/x/mod/sumdb, which the Go project uses for its
// checksum database. The format is docs/decisions/0005-the-log.md.
//
//	auditor -key KEY [-checkpoint FILE]... [-find ID] EXPORT
//	auditor -key KEY -proof FILE
//	auditor -key KEY -consistency FILE -checkpoint FILE
//	auditor -key KEY -log URL [-checkpoint FILE]... [-proof FILE]
//	auditor -key KEY -manifest FILE EXPORT
package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
}

// keyFor gives the public key the name of a log: a deployment has one key, and each of its logs a name.
func keyFor(vkey, origin string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not a verifier key")
	}
	if _, err := note.NewVerifier(vkey); err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 33 {
		return nil, errors.New("not an Ed25519 key")
	}
	named, err := note.NewEd25519VerifierKey(origin, raw[1:])
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(named)
}

func openCheckpoint(vkey, text string) (checkpoint, error) {
	var found checkpoint
	origin, _, _ := strings.Cut(text, "\n")
	verifier, err := keyFor(vkey, origin)
	if err != nil {
		return found, err
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return found, fmt.Errorf("checkpoint: %w", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != origin {
		return found, errors.New("not a checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return found, errors.New("not a checkpoint: no size")
	}
	root, err := tlog.ParseHash(lines[2])
	return checkpoint{origin, size, root}, err
}

// tree keeps the complete subtrees at the log's edge; parents are made as soon as both children are there.
type tree struct {
	nodes map[int64]tlog.Hash
	size  int64
}

func (t *tree) put(level int, index int64, hash tlog.Hash) {
	for index%2 == 1 {
		left := tlog.StoredHashIndex(level, index-1)
		sibling, known := t.nodes[left]
		if !known {
			break
		}
		delete(t.nodes, left)
		hash = tlog.NodeHash(sibling, hash)
		level, index = level+1, index/2
	}
	t.nodes[tlog.StoredHashIndex(level, index)] = hash
}

// cover puts the subtrees that cover leaves from t.size to end, and says whether they do.
func (t *tree) cover(end int64, hashes []string) error {
	for _, text := range hashes {
		level := 0
		for t.size%(2<<level) == 0 && t.size+(2<<level) <= end {
			level++
		}
		hash, err := tlog.ParseHash(text)
		if err != nil || t.size >= end {
			return errors.New("the hashes beside the export cannot be read")
		}
		t.put(level, t.size>>level, hash)
		t.size += 1 << level
	}
	if t.size != end {
		return errors.New("hashes beside the export are missing")
	}
	return nil
}

func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, index := range indexes {
		hash, known := t.nodes[index]
		if !known {
			return nil, errors.New("the export does not hold what this size needs")
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

func (t *tree) root() (tlog.Hash, error) { return tlog.TreeHash(t.size, t) }

type section struct {
	Section    int      `json:"section"`
	Origin     string   `json:"origin"`
	Checkpoint string   `json:"checkpoint"`
	Size       int64    `json:"size"`
	From       int64    `json:"from"`
	Until      int64    `json:"until"`
	Left       []string `json:"left"`
	Right      []string `json:"right"`
	Asked      *struct {
		Until  *string `json:"until"`
		Client *string `json:"client"`
	} `json:"asked"`
}

type line struct {
	Leaf     *int64  `json:"leaf"`
	Body     *string `json:"body"`
	Hash     *string `json:"hash"`
	Personal *struct {
		Salt  string `json:"salt"`
		Plain string `json:"plain"`
	} `json:"personal"`
	End    int   `json:"end"`
	Leaves int64 `json:"leaves"`
	Bodies int64 `json:"bodies"`
}

type record struct {
	ID       string          `json:"id"`
	Type     string          `json:"type"`
	Personal string          `json:"personal"`
	Txn      string          `json:"txn"`
	Records  json.RawMessage `json:"records"`
	Record   string          `json:"record"`
	Table    string          `json:"table"`
	From     string          `json:"from"`
	Until    string          `json:"until"`
	Rows     int64           `json:"rows"`
	Actor    string          `json:"actor"`
	Retired  *retired        `json:"retired"`
}

// retired is what a tombstone says of the records that went: their ids, and their leaves by log.
type retired struct {
	From    string                `json:"from"`
	Until   string                `json:"until"`
	Records int64                 `json:"records"`
	Leaves  map[string][][2]int64 `json:"leaves"`
}

// place is a leaf of a log.
type place struct {
	origin string
	leaf   int64
}

type audit struct {
	key     string
	outside []checkpoint
	find    string

	anchored         map[int]bool
	seen             map[string]bool
	named            map[string]string
	refused          map[string]bool
	records, hashes  int64
	commitments      int64
	whole            bool
	sections, faults int

	// Leaves that stand as their hashes, and the tombstones that may explain them. A part that was asked for leaves
	// out what it was not asked for.
	without []place
	retired []retired
	part    bool
}

func (a *audit) fault(format string, args ...any) {
	a.faults++
	fmt.Printf("FOUND  "+format+"\n", args...)
}

func (a *audit) run(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewReaderSize(file, 1<<20)
	a.whole = true
	for {
		text, err := lines.ReadBytes('\n')
		if len(text) == 0 && err != nil {
			break
		}
		var head section
		if json.Unmarshal(text, &head) != nil || head.Section != 1 {
			return errors.New("a section does not begin where it should")
		}
		if err := a.section(head, lines); err != nil {
			return fmt.Errorf("%s: %w", head.Origin, err)
		}
	}
	if a.sections == 0 {
		return errors.New("there is no section in it")
	}
	for i, one := range a.outside {
		if !a.anchored[i] {
			a.fault("the checkpoint of %d leaves of %s was not met", one.size, one.origin)
		}
	}
	explained := a.explain()
	if a.whole && explained == a.hashes {
		for id, manifest := range a.named {
			if !a.seen[id] && !a.refused[id] && !a.isRetired(id) {
				a.fault("record %s, which manifest %s names, is not there", id, manifest)
			}
		}
	}
	for id := range a.refused {
		a.fault("record %s was refused when it was to be sealed", id)
	}
	return nil
}

// explain counts the leaves without a record that tombstones name; of a whole log each must be.
func (a *audit) explain() int64 {
	var explained int64
	for _, one := range a.without {
		if a.names(one) {
			explained++
		} else if !a.part {
			a.fault("%s: the record at leaf %d is gone, and no tombstone names it", one.origin, one.leaf)
		}
	}
	return explained
}

func (a *audit) names(one place) bool {
	for _, dropped := range a.retired {
		for _, span := range dropped.Leaves[one.origin] {
			if span[0] <= one.leaf && one.leaf < span[1] {
				return true
			}
		}
	}
	return false
}

func (a *audit) isRetired(id string) bool {
	for _, dropped := range a.retired {
		if dropped.From <= id && id < dropped.Until {
			return true
		}
	}
	return false
}

func (a *audit) section(head section, lines *bufio.Reader) error {
	a.sections++
	signed, err := openCheckpoint(a.key, head.Checkpoint)
	if err != nil {
		return err
	}
	if signed.origin != head.Origin || signed.size != head.Size {
		return errors.New("its checkpoint is another one")
	}
	t := &tree{nodes: map[int64]tlog.Hash{}}
	if err := t.cover(head.From, head.Left); err != nil {
		return err
	}
	a.whole = a.whole && head.From == 0 && head.Until == head.Size
	a.part = a.part || head.Asked != nil && (head.Asked.Until != nil || head.Asked.Client != nil)
	a.meet(head.Origin, t)
	var bodies int64
	for {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			return errors.New("the export was cut off")
		}
		var one line
		if err := json.Unmarshal(text, &one); err != nil {
			return err
		}
		if one.End == 1 {
			if t.size != head.Until || one.Leaves != head.Until-head.From || one.Bodies != bodies {
				return errors.New("leaves are missing")
			}
			break
		}
		if one.Leaf == nil || *one.Leaf != t.size {
			return fmt.Errorf("leaf %d is not where it should be", t.size)
		}
		hash, err := a.leaf(one)
		if err != nil {
			return fmt.Errorf("leaf %d: %w", t.size, err)
		}
		if one.Body != nil {
			bodies++
		} else {
			a.without = append(a.without, place{head.Origin, t.size})
		}
		t.put(0, t.size, hash)
		t.size++
		a.meet(head.Origin, t)
	}
	if err := t.cover(head.Size, head.Right); err != nil {
		return err
	}
	a.meet(head.Origin, t)
	root, err := t.root()
	if err != nil {
		return err
	}
	if root != signed.root {
		a.fault("%s: the records do not give the root that the checkpoint signs", head.Origin)
	}
	return nil
}

// meet compares the checkpoints brought from outside that are of this size.
func (a *audit) meet(origin string, t *tree) {
	for i, one := range a.outside {
		if one.origin != origin || one.size != t.size || a.anchored[i] {
			continue
		}
		root, err := t.root()
		if err != nil {
			continue
		}
		a.anchored[i] = true
		if root != one.root {
			a.fault("%s: the checkpoint of %d leaves says something else", origin, one.size)
		}
	}
}

func (a *audit) leaf(one line) (tlog.Hash, error) {
	if one.Body == nil {
		if one.Hash == nil {
			return tlog.Hash{}, errors.New("it has neither a record nor a hash")
		}
		a.hashes++
		return tlog.ParseHash(*one.Hash)
	}
	a.records++
	var body record
	if err := json.Unmarshal([]byte(*one.Body), &body); err != nil {
		a.fault("a record is not JSON")
		return tlog.RecordHash([]byte(*one.Body)), nil
	}
	if a.seen[body.ID] {
		a.fault("record %s stands there twice", body.ID)
	}
	a.seen[body.ID] = true
	switch body.Type {
	case "AUDIT_MANIFEST":
		var ids []string
		if json.Unmarshal(body.Records, &ids) == nil {
			for _, id := range ids {
				a.named[id] = body.ID
			}
		}
	case "AUDIT_RECORD_REFUSED":
		a.refused[body.Record] = true
	case "PARTITION_DROPPED":
		// One that names its own future would hide what comes. Ids are UUIDv7: their text sorts by time.
		if body.Retired != nil && body.Retired.Until <= body.ID {
			a.retired = append(a.retired, *body.Retired)
			fmt.Printf("dropped: %d rows of %s from %s to %s, by %s, as tombstone %s says\n",
				body.Rows, body.Table, body.From, body.Until, body.Actor, body.ID)
		}
	}
	if one.Personal != nil {
		salt, err := base64.StdEncoding.DecodeString(one.Personal.Salt)
		mac := hmac.New(sha256.New, salt)
		mac.Write([]byte(one.Personal.Plain))
		if err != nil || base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) != body.Personal {
			a.fault("record %s commits to another personal part", body.ID)
		}
		a.commitments++
	}
	if a.find != "" && (body.ID == a.find || body.Txn == a.find) {
		fmt.Println(*one.Body)
		if one.Personal != nil {
			fmt.Println(one.Personal.Plain)
		}
	}
	return tlog.RecordHash([]byte(*one.Body)), nil
}

func parseProof(texts []string) ([]tlog.Hash, error) {
	var proof []tlog.Hash
	for _, text := range texts {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		proof = append(proof, hash)
	}
	return proof, nil
}

func checkProof(key, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var given struct {
		Leaf       int64
		Body       string
		Proof      []string
		Checkpoint string
	}
	if err := json.Unmarshal(text, &given); err != nil {
		return err
	}
	signed, err := openCheckpoint(key, given.Checkpoint)
	if err != nil {
		return err
	}
	proof, err := parseProof(given.Proof)
	if err != nil {
		return err
	}
	hash := tlog.RecordHash([]byte(given.Body))
	if err := tlog.CheckRecord(proof, signed.size, signed.root, given.Leaf, hash); err != nil {
		return err
	}
	fmt.Printf("leaf %d of %s, under the checkpoint of %d leaves: %s\n", given.Leaf, signed.origin, signed.size, given.Body)
	return nil
}

func checkConsistency(key, path string, old checkpoint) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var given struct {
		Proof      []string
		Checkpoint string
	}
	if err := json.Unmarshal(text, &given); err != nil {
		return err
	}
	signed, err := openCheckpoint(key, given.Checkpoint)
	if err != nil {
		return err
	}
	proof, err := parseProof(given.Proof)
	if err != nil {
		return err
	}
	if signed.origin != old.origin {
		return errors.New("the two checkpoints are of different logs")
	}
	if err := tlog.CheckTree(proof, signed.size, signed.root, old.size, old.root); err != nil {
		return err
	}
	fmt.Printf("the checkpoint of %d leaves of %s continues that of %d\n", signed.size, signed.origin, old.size)
	return nil
}

type files []string

func (f *files) String() string         { return strings.Join(*f, " ") }
func (f *files) Set(value string) error { *f = append(*f, value); return nil }

func run() error {
	var outside files
	key := flag.String("key", "", "the public key, as `numbercloak audit checkpoint` shows it")
	find := flag.String("find", "", "show the record of this id (the txn of an ID token) and what rests on it")
	proof := flag.String("proof", "", "check a proof from `numbercloak audit prove --record` instead")
	consistency := flag.String("consistency", "", "check a proof from `numbercloak audit prove --checkpoint` instead")
	log := flag.String("log", "", "the log's own URL: prove from its public tiles that it continues the checkpoints kept")
	manifest := flag.String("manifest", "", "check a file of `numbercloak audit export` against this manifest instead")
	flag.Var(&outside, "checkpoint", "a checkpoint that you kept; may be repeated")
	flag.Parse()
	if *key == "" {
		return errors.New("-key is missing")
	}
	if *proof != "" && *log == "" {
		return checkProof(*key, *proof)
	}
	a := &audit{
		key: *key, find: *find,
		anchored: map[int]bool{}, seen: map[string]bool{}, named: map[string]string{}, refused: map[string]bool{},
	}
	for _, path := range outside {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		one, err := openCheckpoint(*key, string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		a.outside = append(a.outside, one)
	}
	if *log != "" {
		return checkPublic(*key, *log, *proof, a.outside)
	}
	if *consistency != "" {
		if len(a.outside) != 1 {
			return errors.New("-consistency needs one -checkpoint")
		}
		return checkConsistency(*key, *consistency, a.outside[0])
	}
	if flag.NArg() != 1 {
		return errors.New("name one export")
	}
	if *manifest != "" {
		return checkManifest(*key, *manifest, flag.Arg(0))
	}
	if err := a.run(flag.Arg(0)); err != nil {
		return err
	}
	if a.faults > 0 {
		return fmt.Errorf("%d findings", a.faults)
	}
	fmt.Printf("nothing is wrong: %d records, %d as hashes, %d personal parts, %d logs, anchored to %d checkpoints of yours\n",
		a.records, a.hashes, a.commitments, a.sections, len(a.anchored))
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "auditor:", err)
		os.Exit(1)
	}
}
