//! An operator for tests: it answers what it is told to and remembers what it was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Json, Router};
use http::{HeaderMap, Method as HttpMethod, StatusCode, Uri};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::{Clock, Time};
use crate::operator::{Ask, Callback, Kept, Operators, Phone};
use crate::outbound::{Outbound, Rules};
use crate::phone::PhoneNumber;
use crate::secret::{Redacted, b64};
use crate::store::operators::{Credentials, Mode, Operator, Settings};
use crate::verdict::{Method, Verdict};

pub(super) const NUMBER: &str = "+34666111334";
pub(super) const REDIRECT: &str = "https://us.example/broker/fake/endpoint";
pub(super) const VERIFY: &str = "/api/number-verification/v2/verify";
pub(super) const SHARE: &str = "/api/number-verification/v2/device-phone-number";

/// One answer.
#[derive(Clone)]
pub(super) enum Reply {
    Send(u16, &'static str, String),
    Hang,
}

impl Reply {
    pub(super) fn json(status: u16, body: impl ToString) -> Self {
        Self::Send(status, "application/json", body.to_string())
    }

    pub(super) fn html(status: u16) -> Self {
        Self::Send(status, "text/html", "<html><h1>oops</h1>".to_owned())
    }
}

/// One request it was sent.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) method: HttpMethod,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn form(&self) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes())
            .into_owned()
            .collect()
    }
}

#[derive(Clone)]
struct Wire {
    replies: Arc<Mutex<BTreeMap<String, Reply>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

async fn answer(
    State(wire): State<Wire>,
    method: HttpMethod,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    wire.seen.lock().unwrap().push(Seen {
        method,
        path: path.clone(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let reply = wire.replies.lock().unwrap().get(&path).cloned();
    match reply {
        Some(Reply::Send(status, content_type, body)) => (
            StatusCode::from_u16(status).unwrap(),
            [("content-type", content_type), ("retry-after", "11")],
            body,
        )
            .into_response(),
        Some(Reply::Hang) => std::future::pending().await,
        None => (StatusCode::NOT_FOUND, Json(json!({}))).into_response(),
    }
}

/// The operator, and us as its client.
pub(super) struct Fake {
    pub(super) base: String,
    pub(super) key: rcgen::KeyPair,
    pub(super) clock: Clock,
    pub(super) operator: Operator,
    pub(super) credentials: Credentials,
    pub(super) operators: Operators,
    pub(super) outbound: Outbound,
    pub(super) number: Option<PhoneNumber>,
    pub(super) method: Method,
    pub(super) silent: bool,
    wire: Wire,
}

impl Fake {
    /// An operator that does everything right.
    pub(super) async fn start() -> Self {
        let wire = Wire {
            replies: Arc::default(),
            seen: Arc::default(),
        };
        let app = Router::new().fallback(any(answer)).with_state(wire.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let clock = Clock::by_hand();
        let outbound = Outbound::new(&Rules {
            allow_private: vec!["127.0.0.0/8".parse().unwrap()],
            ..Rules::default()
        })
        .unwrap();
        let fake = Self {
            key: rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(),
            operator: operator(&base, clock.now()),
            credentials: Credentials {
                client_secret: Some(Redacted::new("s3cret:/?")),
                ..Credentials::default()
            },
            operators: Operators::new(outbound.clone(), 100),
            outbound,
            number: Some(PhoneNumber::from_e164(NUMBER).unwrap()),
            method: Method::Verify,
            silent: true,
            base,
            clock,
            wire,
        };
        fake.reply(
            "/.well-known/openid-configuration",
            Reply::json(200, fake.metadata(&fake.base)),
        );
        fake.publish(&[("k1", &fake.key)]);
        fake.reply("/token", fake.token_reply(&fake.id_token(|_| {})));
        fake.reply(
            VERIFY,
            Reply::json(200, r#"{"devicePhoneNumberVerified":true}"#),
        );
        fake
    }

    pub(super) fn reply(&self, path: &str, reply: Reply) {
        let mut replies = self.wire.replies.lock().unwrap();
        replies.insert(path.to_owned(), reply);
    }

    pub(super) fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = self.wire.seen.lock().unwrap();
        seen.iter()
            .filter(|one| one.path == path)
            .cloned()
            .collect()
    }

    pub(super) fn metadata(&self, issuer: &str) -> Value {
        let base = &self.base;
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{base}/authorize?tenant=es"),
            "token_endpoint": format!("{base}/token"),
            "jwks_uri": format!("{base}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }

    pub(super) fn publish(&self, keys: &[(&str, &rcgen::KeyPair)]) {
        let keys: Vec<Value> = keys
            .iter()
            .map(|(kid, key)| {
                let point = key.public_key_raw();
                json!({
                    "kty": "EC", "crv": "P-256", "use": "sig", "kid": kid,
                    "x": b64(&point[1..33]), "y": b64(&point[33..]),
                })
            })
            .collect();
        self.reply("/jwks", Reply::json(200, json!({ "keys": keys })));
    }

    pub(super) fn claims(&self) -> Value {
        let now = self.clock.now().timestamp();
        json!({
            "iss": self.base, "sub": "pseudonym", "aud": "us client", "nonce": "the nonce",
            "iat": now, "exp": now + 300, "amr": ["nba"],
        })
    }

    /// A good ID token with its claims changed.
    pub(super) fn id_token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        sign(&claims, "k1", &self.key)
    }

    pub(super) fn token_reply(&self, id_token: &str) -> Reply {
        Reply::json(
            200,
            json!({
                "access_token": "canary-access-token", "token_type": "Bearer", "expires_in": 300,
                "refresh_token": "canary-refresh-token", "id_token": id_token,
            }),
        )
    }

    pub(super) fn ask(&self) -> Ask<'_> {
        Ask {
            operator: &self.operator,
            credentials: &self.credentials,
            method: self.method,
            number: self.number.as_ref(),
            redirect_uri: REDIRECT,
            state: "the state",
            now: self.clock.now(),
            silent: self.silent,
            phone: Phone::default(),
        }
    }

    pub(super) async fn conclude_with(&self, query: &str) -> Verdict {
        let kept = Kept {
            nonce: "the nonce".to_owned(),
            verifier: Some("the-verifier".to_owned()),
        };
        let callback = Callback::parse(query);
        self.operators
            .conclude(&self.ask(), &kept, &callback, &self.clock)
            .await
    }

    pub(super) async fn conclude(&self) -> Verdict {
        self.conclude_with("state=x&code=canary-code").await
    }

    /// `outcome stage`, for tables.
    pub(super) async fn concluded(&self) -> String {
        shown(&self.conclude().await)
    }
}

pub(super) fn shown(verdict: &Verdict) -> String {
    format!("{} {}", verdict.outcome(), verdict.evidence().stage)
}

pub(super) fn sign(claims: &Value, kid: &str, key: &rcgen::KeyPair) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(kid.to_owned());
    let key = EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).unwrap();
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

fn operator(base: &str, now: Time) -> Operator {
    Operator {
        id: Uuid::nil(),
        alias: "fake".to_owned(),
        name: "Fake".to_owned(),
        mode: Mode::Live,
        settings: Settings {
            issuer: Some(base.to_owned()),
            api_root: format!("{base}/api/"),
            client_id: "us client".to_owned(),
            prefixes: vec!["34".to_owned()],
            ..Settings::default()
        },
        sealed_credentials: None,
        managed_by: None,
        revision: 1,
        disabled_at: None,
        created_at: now,
        updated_at: now,
    }
}
