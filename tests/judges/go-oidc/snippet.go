package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// What an app's own server brings around the console's code: the session's state and nonce, the request that comes
// back, and somebody who looks at the claims.
const around = `package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func comeBack(start string) (*http.Request, error) {
	start += "&login_hint=" + url.QueryEscape(os.Getenv("NUMBER"))
	out, err := exec.Command(os.Getenv("BROWSER"), start, os.Getenv("BACK")).Output()
	if err != nil {
		return nil, err
	}
	var found struct{ URL string }
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, err
	}
	return http.NewRequest("GET", found.URL, nil)
}

func signIn(ctx context.Context, state, nonce string) error {
LEAVE
	r, lost := comeBack(url)
	if lost != nil {
		return lost
	}
	if r.URL.Query().Get("state") != state {
		return errors.New("state")
	}
BACK
	var claims struct {
		Number string ` + "`json:\"phone_number\"`" + `
	}
	if err := idToken.Claims(&claims); err != nil {
		return err
	}
	if idToken.Nonce != nonce || claims.Number != os.Getenv("NUMBER") {
		return fmt.Errorf("claims: %+v", claims)
	}
	return nil
}

func main() {
	if err := signIn(context.Background(), "s1", "n1"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
`

// runSnippet compiles the code that the console shows for an app, to the letter, and signs somebody in with it.
func runSnippet() error {
	made, err := register()
	if err != nil {
		return err
	}
	words := append(strings.Fields(os.Getenv("NUMBERCLOAK")), "client", "snippet", made.ID, "go-oidc", "--json")
	out, err := exec.Command(words[0], words[1:]...).Output()
	if err != nil {
		return fmt.Errorf("client snippet: %w", err)
	}
	var all []struct{ Code string }
	if err := json.Unmarshal(out, &all); err != nil {
		return err
	}
	leave, comeBack, found := strings.Cut(all[0].Code, "\n// at ")
	if !found {
		return fmt.Errorf("no line tells what stands at the redirect URI:\n%s", all[0].Code)
	}
	program := strings.NewReplacer("LEAVE\n", leave+"\n", "BACK\n", "// at "+comeBack+"\n").Replace(around)
	folder, err := os.MkdirTemp("", "snippet-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "main.go")
	if err := os.WriteFile(path, []byte(program), 0o600); err != nil {
		return err
	}
	run := exec.Command("go", "run", path)
	run.Env = append(os.Environ(), "OIDC_CLIENT_SECRET="+made.Secret, "BACK="+back)
	if told, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, told)
	}
	return nil
}
