// go-oidc signs people in: discovery, code with PKCE, ID token and userinfo, all checked by the library.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const back = "http://127.0.0.1:9999/callback"

var (
	issuer         = os.Getenv("ISSUER")
	number         = os.Getenv("NUMBER")
	passed, failed int
)

type app struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

func register(flags ...string) (app, error) {
	words := strings.Fields(os.Getenv("NUMBERCLOAK"))
	words = append(words, "client", "create", "--name", "Judge", "--test", "--json", "--redirect-uri", back)
	words = append(words, flags...)
	out, err := exec.Command(words[0], words[1:]...).Output()
	if err != nil {
		return app{}, fmt.Errorf("client create: %w", err)
	}
	var made app
	return made, json.Unmarshal(out, &made)
}

func browse(start string) (url.Values, error) {
	out, err := exec.Command(os.Getenv("BROWSER"), start, back).Output()
	if err != nil {
		return nil, err
	}
	var found struct{ URL string }
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, err
	}
	answer, err := url.Parse(found.URL)
	if err != nil {
		return nil, err
	}
	return answer.Query(), nil
}

type claims struct {
	Number       string `json:"phone_number"`
	Verified     bool   `json:"phone_number_verified"`
	Verification struct {
		Operator string `json:"operator"`
		Method   string `json:"method"`
	} `json:"number_verification"`
}

func (c claims) check() error {
	if c.Number != number || !c.Verified || c.Verification.Method != "verify" {
		return fmt.Errorf("not verified: %+v", c)
	}
	return nil
}

func signIn(style oauth2.AuthStyle, alg string, scopes []string, flags ...string) (*oauth2.Token, *oauth2.Config, error) {
	ctx := context.Background()
	made, err := register(flags...)
	if err != nil {
		return nil, nil, err
	}
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, nil, err
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = style
	config := &oauth2.Config{ClientID: made.ID, ClientSecret: made.Secret, Endpoint: endpoint, RedirectURL: back, Scopes: scopes}
	verifier := oauth2.GenerateVerifier()
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier), oidc.Nonce("n1"), oauth2.SetAuthURLParam("login_hint", number)}
	if len(scopes) > 2 {
		options = append(options, oauth2.SetAuthURLParam("prompt", "consent"))
	}
	answer, err := browse(config.AuthCodeURL("s1", options...))
	if err != nil {
		return nil, nil, err
	}
	if answer.Get("state") != "s1" || answer.Get("iss") != issuer {
		return nil, nil, fmt.Errorf("answered with %v", answer)
	}
	token, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, nil, err
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := provider.Verifier(&oidc.Config{ClientID: made.ID, SupportedSigningAlgs: []string{alg}}).Verify(ctx, raw)
	if err != nil {
		return nil, nil, err
	}
	if idToken.Nonce != "n1" {
		return nil, nil, errors.New("nonce")
	}
	if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
		return nil, nil, err
	}
	var said claims
	if err := idToken.Claims(&said); err != nil {
		return nil, nil, err
	}
	if err := said.check(); err != nil {
		return nil, nil, err
	}
	info, err := provider.UserInfo(ctx, config.TokenSource(ctx, token))
	if err != nil {
		return nil, nil, err
	}
	if info.Subject != idToken.Subject {
		return nil, nil, errors.New("sub differs at userinfo")
	}
	var told claims
	if err := info.Claims(&told); err != nil {
		return nil, nil, err
	}
	return token, config, told.check()
}

func check(name string, run func() error) {
	if err := run(); err != nil {
		failed++
		fmt.Printf("not ok - %s: %v\n", name, err)
		return
	}
	passed++
	fmt.Printf("ok - %s\n", name)
}

func main() {
	usual := []string{oidc.ScopeOpenID, "phone"}
	check("client_secret_basic", func() error {
		_, _, err := signIn(oauth2.AuthStyleInHeader, oidc.RS256, usual)
		return err
	})
	check("client_secret_post, found out by trying", func() error {
		_, _, err := signIn(oauth2.AuthStyleAutoDetect, oidc.RS256, usual, "--token-endpoint-auth-method", "client_secret_post")
		return err
	})
	check("a public client with PKCE", func() error {
		_, _, err := signIn(oauth2.AuthStyleInParams, oidc.RS256, usual, "--type", "native")
		return err
	})
	for _, alg := range []string{oidc.ES256, oidc.PS256, oidc.EdDSA} {
		check("ID tokens with "+alg, func() error {
			_, _, err := signIn(oauth2.AuthStyleInHeader, alg, usual, "--id-token-alg", alg)
			return err
		})
	}
	check("refresh", func() error {
		scopes := []string{oidc.ScopeOpenID, "phone", oidc.ScopeOfflineAccess}
		token, config, err := signIn(oauth2.AuthStyleInHeader, oidc.RS256, scopes,
			"--scope", "openid", "--scope", "phone", "--scope", "offline_access")
		if err != nil {
			return err
		}
		again, err := config.TokenSource(context.Background(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
		if err != nil {
			return err
		}
		if again.AccessToken == token.AccessToken {
			return errors.New("the same access token again")
		}
		return nil
	})
	check("the console's own code", runSnippet)
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
