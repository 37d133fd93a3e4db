//! Checkpoints in places outside the database: a file, a webhook, a bucket, a witness.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::Router;
use axum::extract::State;
use http::{HeaderMap, Method, StatusCode, Uri};
use numbercloak::ledger::note::{Checkpoint, Note, Verifier, base64, hash_from_base64};
use numbercloak::ledger::tree::{Hash, proves_consistency};
use numbercloak::secret::sha256;
use sqlx::AssertSqlSafe;
use tokio::net::TcpListener;

use super::restores::file;
use super::{key, latest};
use crate::support::app::{App, NUMBER};
use crate::support::listener::Listener;
use crate::support::rp::Wish;

/// Seals, and waits until a place has the last checkpoint.
async fn kept_by(app: &App, place: &str) {
    let mut owner = app.database.owner().await;
    for _ in 0..1000 {
        app.sealed().await;
        let sql = "select exists (
            select from log_places p join logs l on l.origin = p.origin and l.size = p.size
            where p.place like $1 and l.ended_at is null)";
        let kept: bool = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(format!("{place}%"))
            .fetch_one(&mut owner)
            .await
            .unwrap();
        if kept {
            return;
        }
        app.clock.advance(std::time::Duration::from_secs(11));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let trouble: Vec<(String, Option<String>)> =
        sqlx::query_as("select place, trouble from log_places")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    panic!("{place} never had it: {trouble:?}");
}

#[tokio::test]
async fn a_file_holds_the_last_checkpoint() {
    let path = file("kept");
    let app = App::builder()
        .config("checkpoints.file", path.to_str().unwrap())
        .start()
        .await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    kept_by(&app, "file ").await;
    let note = std::fs::read_to_string(&path).unwrap();
    let kept = Checkpoint::open(&note, &key(&app.database).await).unwrap();
    assert_eq!(kept, latest(&app.database).await);
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn a_webhook_is_told_with_a_mac() {
    let listener = Listener::start().await;
    let app = App::builder()
        .config("checkpoints.webhook_url", &listener.url("/checkpoints"))
        .config("checkpoints.webhook_secret", "shared")
        .start()
        .await;
    kept_by(&app, "webhook ").await;
    let sent = listener.got(1).await.remove(0);
    assert_eq!(sent.uri.path(), "/checkpoints");
    let text = String::from_utf8(sent.body.to_vec()).unwrap();
    assert!(Checkpoint::open(&text, &key(&app.database).await).is_ok());
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"shared"), &sent.body);
    let hex: String = mac
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        sent.headers["numbercloak-signature"],
        format!("sha256={hex}")
    );
}

/// A bucket as S3's own API has it, as far as it is used.
#[derive(Default)]
struct Bucket(Mutex<BTreeMap<String, Vec<u8>>>);

async fn s3(
    State(bucket): State<Arc<Bucket>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> (StatusCode, Vec<u8>) {
    let query = uri.query().unwrap_or_default();
    if !query.contains("X-Amz-Signature=") || !query.contains("X-Amz-Credential=id%2F") {
        return (StatusCode::FORBIDDEN, Vec::new());
    }
    let mut objects = bucket.0.lock().unwrap();
    match method {
        Method::PUT if headers["x-amz-checksum-sha256"] == base64(&sha256(&body)) => {
            objects.insert(uri.path().to_owned(), body.to_vec());
            (StatusCode::OK, Vec::new())
        }
        Method::GET => match objects.get(uri.path()) {
            Some(object) => (StatusCode::OK, object.clone()),
            None => (StatusCode::NOT_FOUND, Vec::new()),
        },
        _ => (StatusCode::BAD_REQUEST, Vec::new()),
    }
}

async fn listening(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn a_bucket_keeps_every_checkpoint_and_is_read_before_the_next_is_signed() {
    let bucket = Arc::new(Bucket::default());
    let address = listening(Router::new().fallback(s3).with_state(bucket.clone())).await;
    let app = App::builder()
        .config("checkpoints.s3.endpoint", &format!("http://{address}"))
        .config("checkpoints.s3.bucket", "log")
        .config("checkpoints.s3.access_key_id", "id")
        .config("checkpoints.s3.secret_access_key", "secret")
        .start()
        .await;
    kept_by(&app, "s3 ").await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    kept_by(&app, "s3 ").await;
    let kept = bucket.0.lock().unwrap().clone();
    let last = latest(&app.database).await;
    let text = String::from_utf8(kept["/log/numbercloak/checkpoint"].clone()).unwrap();
    assert!(text.starts_with(&last.text()));
    assert!(
        kept.len() >= 3,
        "the last one, and each by its size: {:?}",
        kept.keys()
    );

    // Somebody else's file in its place is not believed and not overwritten silently.
    bucket
        .0
        .lock()
        .unwrap()
        .insert("/log/numbercloak/checkpoint".to_owned(), b"x".to_vec());
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let origin = latest(&app.database).await.origin;
    assert_eq!(origin, last.origin, "the log goes on");
}

/// A C2SP witness: remembers one checkpoint per log and cosigns only what continues it.
struct Witness {
    pair: Ed25519KeyPair,
    log: Mutex<Option<(Checkpoint, Verifier)>>,
}

const TIME: u64 = 1_700_000_000;

impl Witness {
    fn key(&self) -> Vec<u8> {
        let mut key = vec![4];
        key.extend_from_slice(self.pair.public_key().as_ref());
        key
    }

    fn id(&self) -> Vec<u8> {
        let mut named = b"witness.example\n".to_vec();
        named.extend(self.key());
        sha256(&named)[..4].to_vec()
    }

    fn vkey(&self) -> String {
        let id: String = self.id().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("witness.example+{id}+{}", base64(&self.key()))
    }

    fn cosign(&self, text: &str) -> String {
        let message = format!("cosignature/v1\ntime {TIME}\n{text}");
        let mut bytes = self.id();
        bytes.extend_from_slice(&TIME.to_be_bytes());
        bytes.extend_from_slice(self.pair.sign(message.as_bytes()).as_ref());
        format!("— witness.example {}\n", base64(&bytes))
    }

    fn add(&self, body: &str) -> (StatusCode, String) {
        let (head, note) = body.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let old: u64 = lines
            .next()
            .unwrap()
            .strip_prefix("old ")
            .unwrap()
            .parse()
            .unwrap();
        let proof: Vec<Hash> = lines.map(|line| hash_from_base64(line).unwrap()).collect();
        let text = Note::parse(note).unwrap().text;
        let new = Checkpoint::parse(&text).unwrap();
        let mut log = self.log.lock().unwrap();
        if let Some((seen, _)) = &*log {
            if seen.size != old {
                return (StatusCode::CONFLICT, format!("{}\n", seen.size));
            }
            if !proves_consistency((old, &seen.root), (new.size, &new.root), &proof) {
                return (StatusCode::UNPROCESSABLE_ENTITY, String::new());
            }
        }
        let key = Verifier::parse(&self.vkey()).unwrap();
        *log = Some((new, key));
        (StatusCode::OK, self.cosign(&text))
    }
}

#[tokio::test]
async fn a_witness_cosigns_what_continues_what_it_has_seen() {
    let witness = Arc::new(Witness {
        pair: Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap(),
        log: Mutex::default(),
    });
    let add = async |State(witness): State<Arc<Witness>>, body: String| witness.add(&body);
    let router = Router::new().route("/add-checkpoint", axum::routing::post(add));
    let address = listening(router.with_state(witness.clone())).await;
    let app = App::builder()
        .config(
            "checkpoints.witness_urls",
            &format!("[\"http://{address}\"]"),
        )
        .config(
            "checkpoints.witness_keys",
            &format!("[\"{}\"]", witness.vkey()),
        )
        .start()
        .await;
    kept_by(&app, "witness ").await;
    let first = witness.log.lock().unwrap().clone().unwrap().0;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    kept_by(&app, "witness ").await;
    let second = witness.log.lock().unwrap().clone().unwrap().0;
    assert!(second.size > first.size);
    let mut owner = app.database.owner().await;
    let note: String =
        sqlx::query_scalar("select note from log_places where place like 'witness%'")
            .fetch_one(&mut owner)
            .await
            .unwrap();
    let key = Verifier::parse(&witness.vkey()).unwrap();
    assert_eq!(key.check(&Note::parse(&note).unwrap()), Ok(Some(TIME)));
}
