//! The tree as everybody can fetch it: C2SP's tiles below the URL that is the log's name, enough to prove that
//! one checkpoint continues another and that a record is in it.

use numbercloak::audit::event::{Event, Subject};
use numbercloak::audit::record::{Personal, Recorder};
use numbercloak::ledger::note::Checkpoint;
use numbercloak::ledger::tiles::{self, TileId, Tiles};
use numbercloak::ledger::tree::{
    Hash, consistency, inclusion, leaf_hash, proves_consistency, proves_inclusion, range_hash,
};
use numbercloak::store::audit;

use super::{key, latest, superuser};
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;
use crate::support::wire::{Raw, http};

/// The log's own URL.
fn url(checkpoint: &Checkpoint) -> String {
    format!("http://{}", checkpoint.origin)
}

async fn tile(log: &str, path: &str) -> (u16, Vec<u8>) {
    let answer = http()
        .get(format!("{log}/tile/{path}"))
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, answer.bytes().await.unwrap().to_vec())
}

/// The tiles that these ranges need in a tree of this size, fetched one by one.
async fn fetch(log: &str, size: u64, ranges: &[std::ops::Range<u64>]) -> Tiles {
    let mut fetched = Tiles::new();
    for TileId { level, index } in tiles::needed_for(ranges) {
        let width = (size >> (8 * level)).saturating_sub(index * 256).min(256);
        let partial = if width < 256 {
            format!(".p/{width}")
        } else {
            String::new()
        };
        let (status, bytes) = tile(log, &format!("{level}/{index:03}{partial}")).await;
        assert_eq!((status, bytes.len() as u64), (200, width * 32));
        let hashes = bytes.chunks(32).map(|hash| hash.try_into().unwrap());
        fetched.insert(TileId { level, index }, hashes.collect());
    }
    fetched
}

async fn hashes(log: &str, size: u64, ranges: &[std::ops::Range<u64>]) -> Vec<Hash> {
    let fetched = fetch(log, size, ranges).await;
    let hash = |range: &std::ops::Range<u64>| {
        range_hash(range.clone(), &mut |node| tiles::node(&fetched, node)).unwrap()
    };
    ranges.iter().map(hash).collect()
}

async fn record(app: &App, count: usize) {
    let desk = app.desk();
    let recorder = Recorder {
        vault: &desk.vault,
        now: app.clock.now(),
        browser: Personal::default(),
    };
    let event = Event::ClientLoginError {
        reason: "many".to_owned(),
    };
    let records = (0..count).map(|_| recorder.record(Subject::default(), &event));
    let db = &app.state().db;
    audit::append_alone(db, db.durable(), records)
        .await
        .unwrap();
    app.sealed().await;
}

#[tokio::test]
async fn whoever_kept_a_checkpoint_proves_with_public_tiles_that_the_next_continues_it() {
    let app = App::start().await;
    let signed_in = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    record(&app, 300).await;
    let kept = latest(&app.database).await;
    record(&app, 700).await;
    let log = url(&kept);
    let note = Raw::of(http().get(format!("{log}/checkpoint"))).await;
    let now = Checkpoint::open(&note.body, &key(&app.database).await).unwrap();
    assert_eq!(now.origin, kept.origin);
    assert!(now.size >= kept.size + 700);

    let root = hashes(&log, now.size, std::slice::from_ref(&(0..now.size))).await;
    assert_eq!(root, [now.root]);
    let proof = hashes(&log, now.size, &consistency(kept.size, now.size)).await;
    assert!(proves_consistency(
        (kept.size, &kept.root),
        (now.size, &now.root),
        &proof
    ));
    // The app's own receipt.
    let (leaf, body): (i64, Vec<u8>) = sqlx::query_as(
        "select l.leaf, r.body from log_leaves l join audit_records r on r.id = l.record_id where r.id = $1::uuid",
    )
    .bind(signed_in.claims["txn"].as_str().unwrap())
    .fetch_one(&mut superuser(&app.database).await)
    .await
    .unwrap();
    let leaf = u64::try_from(leaf).unwrap();
    let path = hashes(&log, now.size, &inclusion(leaf, now.size)).await;
    assert!(proves_inclusion(
        leaf,
        leaf_hash(&body),
        now.size,
        &now.root,
        &path
    ));
}

#[tokio::test]
async fn a_tile_is_for_ever_what_it_was_and_nothing_else_is_public() {
    let app = App::start().await;
    record(&app, 300).await;
    let log = url(&latest(&app.database).await);
    let answer = Raw::of(http().get(format!("{log}/tile/0/001.p/20"))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.headers["cache-control"],
        "public, max-age=31536000, immutable"
    );
    assert_eq!(answer.headers["content-type"], "application/octet-stream");
    let (_, early) = tile(&log, "0/001.p/20").await;
    record(&app, 300).await;
    let (status, full) = tile(&log, "0/001").await;
    assert_eq!((status, full.len()), (200, 8192));
    assert_eq!(tile(&log, "0/001.p/20").await, (200, early.clone()));
    assert_eq!(full[..640], early);
    for path in [
        "0/900",
        "0/002.p/255",
        "1/001",
        "5/000",
        "0/1",
        "0/001.p/0",
        "00/001",
        "entries/000",
        "entries/000.p/20",
        "data/000",
        "0/x000/001",
        "0/%00",
    ] {
        assert_eq!(tile(&log, path).await.0, 404, "{path}");
    }
    let host = app.issuer.as_str();
    for path in [
        "/log/other/checkpoint",
        "/log/other/tile/0/000",
        "/log/%00/tile/0/000",
        "/log/",
        "/log/tile/0/000",
    ] {
        let answer = Raw::of(http().get(format!("{host}{path}"))).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}
