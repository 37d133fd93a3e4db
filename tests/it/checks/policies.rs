//! Every policy meets every result.

use numbercloak::store::checks::{CheckPolicy, Policy};
use numbercloak::verdict::checks::{CheckResult, Extra};
use serde_json::json;

use super::{asked, log_in, ordinary, recycle, swap, verdict_record, want, wanting};
use crate::support::app::App;
use crate::support::rp::Answer;

/// Makes the operator say this about the number of the row, and names that number.
fn arrange(app: &App, extra: Extra, result: CheckResult, row: usize) -> String {
    let number = ordinary(row);
    match (extra, result) {
        (_, CheckResult::Pass) => {}
        (Extra::SimSwap, CheckResult::Fail) => swap(app, &number, 1),
        (Extra::NumberRecycling, CheckResult::Fail) => recycle(app, &number, 1),
        (Extra::SimSwap, CheckResult::Unavailable) => return "+990704008".to_owned(),
        (Extra::NumberRecycling, CheckResult::Unavailable) => return "+990704011".to_owned(),
    }
    number
}

#[tokio::test]
async fn every_policy_meets_every_result() {
    use CheckResult::{Fail, Pass, Unavailable};
    use Policy::{Off, Report, Require};
    let app = wanting(Off, Off).await;
    let mut row = 0;
    for (extra, path, failed, title) in [
        (
            Extra::SimSwap,
            "/sim-swap/v2/check",
            "sim_swapped",
            "This SIM is too new",
        ),
        (
            Extra::NumberRecycling,
            "/number-recycling/v0.2/check",
            "number_recycled",
            "This number has a new owner",
        ),
    ] {
        for (policy, fail_open, result, refused) in [
            (Off, false, Pass, None),
            (Off, false, Fail, None),
            (Report, false, Pass, None),
            (Report, false, Fail, None),
            (Report, false, Unavailable, None),
            (Require, false, Pass, None),
            (Require, false, Fail, Some((failed, title))),
            (
                Require,
                false,
                Unavailable,
                Some(("check_unavailable", "One check is missing")),
            ),
            (Require, true, Pass, None),
            (Require, true, Fail, Some((failed, title))),
            (Require, true, Unavailable, None),
        ] {
            row += 1;
            let case = format!("{extra:?} {policy:?} {fail_open} {result:?}");
            let policy_of_row = CheckPolicy {
                policy,
                max_age_hours: 48,
                fail_open,
            };
            let other = CheckPolicy::default();
            match extra {
                Extra::SimSwap => want(&app, policy_of_row, other).await,
                Extra::NumberRecycling => want(&app, other, policy_of_row).await,
            }
            let number = arrange(&app, extra, result, row);
            let before = asked(&app, path);
            let mut browser = app.browser();
            let departure = log_in(&app, &mut browser, &number).await;
            assert_eq!(
                asked(&app, path) - before,
                usize::from(policy != Off),
                "{case}"
            );
            let told = json!({ extra.as_str(): {
                "result": result.as_str(), "max_age_hours": 48,
                "checked_at": app.clock.now().timestamp(),
            } });
            let told = if policy == Off { json!({}) } else { told };
            let fits = |checks: &serde_json::Value| {
                let mut checks = checks.clone();
                if let Some(check) = checks.get_mut(extra.as_str()) {
                    let at = check["checked_at"].as_i64().unwrap();
                    let now = app.clock.now().timestamp();
                    assert!((now - 10..=now).contains(&at), "{case}");
                    check["checked_at"] = told[extra.as_str()]["checked_at"].clone();
                    check.as_object_mut().unwrap().remove("evidence");
                }
                checks == told
            };
            let record = verdict_record(&app).await;
            let recorded = record.get("checks").cloned().unwrap_or(json!({}));
            assert!(fits(&recorded), "{case}: {recorded}");
            match refused {
                None => {
                    let signed_in = app.redeem(&browser, &departure).await;
                    let checks = &signed_in.claims["number_verification"]["checks"];
                    assert!(fits(checks), "{case}: {checks}");
                    assert_eq!(&signed_in.userinfo["number_verification"]["checks"], checks);
                    let stored = newest_session_checks(&app).await;
                    assert!(fits(&stored), "{case}: {stored}");
                    assert_eq!(record["type"], "NUMBER_VERIFIED", "{case}");
                }
                Some((word, title)) => {
                    assert_eq!(browser.title(), title, "{case}");
                    assert_eq!(record["type"], "NUMBER_NOT_VERIFIED", "{case}");
                    assert_eq!(record["outcome"], word, "{case}");
                    let forms = &browser.page().document.forms;
                    assert!(!forms.iter().any(|form| form.action.ends_with("/continue")));
                    browser.press("Return to shop").await;
                    let told = Answer::Error("access_denied".to_owned(), word.to_owned());
                    assert_eq!(app.answer(&browser, &departure), told, "{case}");
                }
            }
        }
    }
}

/// The checks in the verdict of the session that was opened last.
async fn newest_session_checks(app: &App) -> serde_json::Value {
    let mut owner = app.database.owner().await;
    sqlx::query_scalar("select verdict -> 'checks' from sessions order by opened_at desc limit 1")
        .fetch_one(&mut owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn both_checks_are_made_of_one_number_and_each_has_its_own_token() {
    let app = wanting(Policy::Report, Policy::Report).await;
    let mut browser = app.browser();
    let number = ordinary(1);
    swap(&app, &number, 1);
    let departure = log_in(&app, &mut browser, &number).await;
    let signed_in = app.redeem(&browser, &departure).await;
    let checks = &signed_in.claims["number_verification"]["checks"];
    assert_eq!(checks["sim_swap"]["result"], "fail");
    assert_eq!(checks["number_recycling"]["result"], "pass");
    assert_eq!(checks["number_recycling"]["max_age_hours"], 8_760);
    assert_eq!(
        asked(&app, "/token"),
        3,
        "one for the number, one for each check"
    );
}

#[tokio::test]
async fn a_check_that_the_operator_does_not_offer_is_found_before_the_departure() {
    let app = wanting(Policy::Require, Policy::Off).await;
    app.edit_operator(|operator| operator.checks.sim_swap = None)
        .await;
    let mut browser = app.browser();
    let departure = log_in(&app, &mut browser, &ordinary(1)).await;
    assert_eq!(browser.title(), "One check is missing");
    assert_eq!(asked(&app, "/authorize"), 0);
    let login = app.only_login().await;
    assert_eq!(
        app.story(login).await,
        ["LOGIN_STARTED", "OPERATOR_SELECTED_ERROR check_unavailable"]
    );
    browser.press("Return to shop").await;
    assert_eq!(
        app.answer(&browser, &departure).error(),
        ("access_denied", "check_unavailable")
    );

    // Whoever only wants to know is told that nobody knows.
    let report = CheckPolicy {
        policy: Policy::Report,
        ..CheckPolicy::default()
    };
    want(&app, report, CheckPolicy::default()).await;
    let departure = log_in(&app, &mut browser, &ordinary(1)).await;
    let signed_in = app.redeem(&browser, &departure).await;
    let checks = &signed_in.claims["number_verification"]["checks"];
    assert_eq!(checks["sim_swap"]["result"], "unavailable");
}

#[tokio::test]
async fn a_check_never_takes_longer_than_the_operators_record_says() {
    let app = wanting(Policy::Require, Policy::Require).await;
    app.edit_operator(|operator| operator.checks.timeout_ms = 3_000)
        .await;
    let mut browser = app.browser();
    // Both answer after half a minute, which is the patience of nobody here.
    log_in(&app, &mut browser, "+990704009").await;
    assert_eq!(browser.title(), "One check is missing");
    let record = verdict_record(&app).await;
    assert_eq!(record["evidence"]["billable"], json!(["verify"]));
    assert_eq!(
        record["evidence"]["unsure"],
        json!(["sim_swap", "number_recycling"])
    );
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_no_answer() {
    let app = wanting(Policy::Require, Policy::Off).await;
    let mut browser = app.browser();
    log_in(&app, &mut browser, "+990704012").await;
    assert_eq!(browser.title(), "One check is missing");
}

#[tokio::test]
async fn a_check_is_not_made_of_a_number_that_does_not_match() {
    let app = wanting(Policy::Require, Policy::Require).await;
    let mut browser = app.browser();
    log_in(&app, &mut browser, "+990700001").await;
    assert_eq!(browser.title(), "This number does not match");
    assert_eq!(asked(&app, "/sim-swap/v2/check"), 0);
    assert_eq!(asked(&app, "/number-recycling/v0.2/check"), 0);
}
