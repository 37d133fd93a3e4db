//! Whole logins: what the person sees, what the app is told, what is on record, and that nothing
//! verified slips out.

mod apps;
mod ending;
mod languages;
mod more_time;
mod number;
mod refused;
mod requests;
mod scenarios;
mod size;
mod taps;
mod tokens;
mod told;
mod verified;
mod visits;

use uuid::Uuid;

use crate::support::app::App;

/// The records of a login that was verified, from its first request to its tokens.
const VERIFIED: [&str; 6] = [
    "LOGIN_STARTED",
    "OPERATOR_SELECTED",
    "NUMBER_VERIFIED verified",
    "LOGIN verified",
    "GRANT_CONSENT",
    "CODE_TO_TOKEN",
];

/// What a login left behind that could be worth something: grants, codes, sessions, go-aheads.
pub async fn worth(app: &App) -> [i64; 4] {
    let mut owner = app.database.owner().await;
    let row: (i64, i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from grants), (select count(*) from codes), \
         (select count(*) from sessions), (select count(*) from go_aheads)",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    [row.0, row.1, row.2, row.3]
}

/// Nothing verified came of any login.
pub async fn assert_nothing_slipped_out(app: &App) {
    assert_eq!(worth(app).await, [0; 4]);
    for login in app.logins().await {
        let story = app.story(login).await;
        assert!(
            !story.iter().any(|line| line.ends_with(" verified")),
            "{story:?}"
        );
    }
}

/// The requests that the operator's endpoint got.
pub fn asked(app: &App, path: &str) -> usize {
    let received = app.operator.received();
    received.iter().filter(|one| one.path == path).count()
}

/// Fails unless a login's records are these.
pub async fn assert_story(app: &App, login: Uuid, expected: &[&str]) {
    assert_eq!(app.story(login).await, expected);
}
