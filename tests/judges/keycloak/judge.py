"""Keycloak brokers a sign-in: its realm is the one in docs/keycloak, its users come from us."""

import base64
import hashlib
import json
import os
import pathlib
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from sign_in import ISSUER, NUMBER, browse, free_port, judge, register, running

BACK = "http://127.0.0.1:9999/callback"
REALM = pathlib.Path(__file__).parents[3] / "docs/keycloak/numbercloak-realm.json"


def main():
    with tempfile.TemporaryDirectory(prefix="keycloak-", dir="/var/tmp") as folder:
        folder = pathlib.Path(folder)
        with zipfile.ZipFile(os.environ["KEYCLOAK_ZIP"]) as archive:
            archive.extractall(folder)
        home = next(folder.glob("keycloak-*"))
        (home / "data/import").mkdir(parents=True)
        (home / "data/import/realm.json").write_text(REALM.read_text())
        port = free_port()
        realm = f"http://localhost:{port}/realms/numbercloak-demo"
        app = register(f"{realm}/broker/numbercloak/endpoint")
        environment = {**os.environ, "NUMBERCLOAK_ISSUER": ISSUER, "NUMBERCLOAK_CLIENT_ID": app["client_id"],
                       "NUMBERCLOAK_CLIENT_SECRET": app["client_secret"]}
        words = ["sh", str(home / "bin/kc.sh"), "start-dev", "--import-realm", f"--http-port={port}", "--http-host=127.0.0.1"]
        ready = f"{realm}/.well-known/openid-configuration"
        with running(words, ready, folder / "log", seconds=240, env=environment):
            first, again = sign_in(realm, folder / "jar"), sign_in(realm, folder / "jar2")
            assert first["phone_number"] == NUMBER, first
            assert first["sub"] == again["sub"], "the same person is the same user"


def sign_in(realm, jar):
    verifier = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {"client_id": "shop", "redirect_uri": BACK, "response_type": "code", "scope": "openid", "state": "s",
             "kc_idp_hint": "numbercloak", "login_hint": NUMBER, "code_challenge": challenge, "code_challenge_method": "S256"}
    start = f"{realm}/protocol/openid-connect/auth?{urllib.parse.urlencode(asked)}"
    found = browse(jar, start, BACK)
    answer = urllib.parse.parse_qs(urllib.parse.urlsplit(found.get("url", "")).query)
    assert "code" in answer, found
    form = {"grant_type": "authorization_code", "client_id": "shop", "redirect_uri": BACK, "code": answer["code"][0], "code_verifier": verifier}
    with urllib.request.urlopen(f"{realm}/protocol/openid-connect/token", urllib.parse.urlencode(form).encode()) as tokens:
        body = json.load(tokens)["id_token"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


judge({"Keycloak signs a user in through us, twice, as the same user": main})
