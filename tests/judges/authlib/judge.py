"""Authlib signs people in: OAuth2Session for the flow, its jose module for the ID token."""

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from urllib.parse import quote, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken

ISSUER, NUMBER, BACK = os.environ["ISSUER"], os.environ["NUMBER"], "http://127.0.0.1:9999/callback"
meta = requests.get(f"{ISSUER}/.well-known/openid-configuration").json()
folder = tempfile.mkdtemp()
passed, failed = 0, 0


def register(*flags):
    command = [*os.environ["NUMBERCLOAK"].split(), "client", "create", "--name", "Judge", "--test", "--json", "--redirect-uri", BACK, *flags]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def snippet_of(app):
    command = [*os.environ["NUMBERCLOAK"].split(), "client", "snippet", app["client_id"], "authlib", "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)[0]["code"]


def browse(url, stop=BACK):
    found = subprocess.run([os.environ["BROWSER"], url, stop], check=True, capture_output=True).stdout
    return json.loads(found)


def sign_in(session, alg="RS256", fetch=None, **asked):
    nonce, verifier = generate_token(), generate_token(48)
    url, state = session.create_authorization_url(
        meta["authorization_endpoint"], login_hint=NUMBER, nonce=nonce, code_verifier=verifier, **asked
    )
    answer = browse(url)["url"]
    tokens = session.fetch_token(meta["token_endpoint"], authorization_response=answer, state=state, code_verifier=verifier, **(fetch or {}))
    keys = JsonWebKey.import_key_set(requests.get(meta["jwks_uri"]).json())
    claims = JsonWebToken([alg]).decode(
        tokens["id_token"], keys, claims_cls=CodeIDToken,
        claims_options={"iss": {"essential": True, "value": ISSUER}},
        claims_params={"nonce": nonce, "client_id": session.client_id, "access_token": tokens["access_token"]},
    )
    claims.validate(leeway=5)
    verified(claims)
    userinfo = session.get(meta["userinfo_endpoint"]).json()
    verified(userinfo)
    assert userinfo["sub"] == claims["sub"]
    return tokens, claims


def verified(claims):
    assert claims["phone_number"] == NUMBER and claims["phone_number_verified"] is True, dict(claims)
    assert claims["number_verification"]["method"] == "verify", dict(claims)


def check(run):
    global passed, failed
    try:
        run()
        passed += 1
        print(f"ok - {run.__doc__}")
    except Exception:
        failed += 1
        print(f"not ok - {run.__doc__}")
        traceback.print_exc(file=sys.stdout)


def session(app, method="client_secret_basic", scope="openid phone", **more):
    return OAuth2Session(
        app["client_id"], app.get("client_secret"), scope=scope, redirect_uri=BACK, token_endpoint_auth_method=method,
        code_challenge_method="S256", **more,
    )


@check
def basic():
    """client_secret_basic"""
    sign_in(session(register()))


@check
def post():
    """client_secret_post"""
    sign_in(session(register("--token-endpoint-auth-method", "client_secret_post"), "client_secret_post"))


@check
def public():
    """a public client with PKCE"""
    sign_in(session(register("--type", "native"), "none"))


@check
def key():
    """private_key_jwt"""
    private = JsonWebKey.generate_key("RSA", 2048, {"kid": "k1", "use": "sig"}, is_private=True)
    path = os.path.join(folder, "jwks.json")
    with open(path, "w") as out:
        json.dump({"keys": [private.as_dict(is_private=False)]}, out)
    app = register("--token-endpoint-auth-method", "private_key_jwt", "--jwks-file", path, "--id-token-alg", "ES256")
    app["client_secret"] = private.as_pem(is_private=True).decode()
    # By itself Authlib makes assertions that live an hour; we take five minutes at most.
    claims = {"exp": int(time.time()) + 120}
    one = session(app, PrivateKeyJWT(meta["token_endpoint"], claims, headers={"kid": "k1"}))
    sign_in(one, "ES256")


@check
def form_post():
    """form_post"""
    app = session(register())
    url, state = app.create_authorization_url(
        meta["authorization_endpoint"], login_hint=NUMBER, response_mode="form_post", code_verifier=generate_token(48)
    )
    answer = browse(url)
    assert answer["url"] == BACK and answer["form"]["state"] == state and answer["form"]["code"], answer
    assert answer["form"]["iss"] == ISSUER, answer


@check
def refresh():
    """refresh, introspection and revocation"""
    app = register("--scope", "openid", "--scope", "phone", "--scope", "offline_access")
    one = session(app, scope="openid phone offline_access")
    tokens, claims = sign_in(one, prompt="consent")
    again = one.refresh_token(meta["token_endpoint"], refresh_token=tokens["refresh_token"])
    assert again["access_token"] != tokens["access_token"]
    state = one.introspect_token(meta["introspection_endpoint"], token=again["access_token"], token_type_hint="access_token")
    assert state.json()["active"] is True, state.text
    assert one.revoke_token(meta["revocation_endpoint"], token=again["access_token"]).status_code == 200
    state = one.introspect_token(meta["introspection_endpoint"], token=again["access_token"])
    assert state.json() == {"active": False}, state.text


@check
def refused():
    """a number that is not in the phone is an OAuth error with state and iss"""
    one = session(register())
    url, state = one.create_authorization_url(meta["authorization_endpoint"], login_hint=NUMBER, prompt="none")
    answer = browse(url)["url"]
    assert "error=login_required" in answer and f"state={state}" in answer and "iss=" in answer, answer


@check
def snippet():
    """the console's own code for Flask, to the letter"""
    app = register()
    os.environ["OIDC_CLIENT_SECRET"], os.environ["SESSION_KEY"] = app["client_secret"], generate_token()
    names = {"__name__": "snippet"}
    exec(compile(snippet_of(app), "snippet.py", "exec"), names)
    web = names["app"].test_client()
    away = web.get("/login")
    assert away.status_code == 302, away.text
    back = urlsplit(browse(f"{away.location}&login_hint={quote(NUMBER)}")["url"])
    answer = web.get(f"{back.path}?{back.query}")
    assert answer.status_code == 200 and answer.json["method"] == "verify", answer.text


print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
