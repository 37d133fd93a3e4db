//! Every magic number of the simulator, driven through a whole login: the outcome on record, the page
//! the person ends on, what the app is told, and no code but where the number was verified.

use std::rc::Rc;
use std::time::Duration;

use numbercloak::oauth::error::OAuthError;
use numbercloak::simulator::Persona;
use numbercloak::simulator::scenario::{
    AtApi, AtAuthorize, AtCallback, AtDiscovery, AtIdToken, AtToken, AtVerify, Effect, Scenario,
    TABLE,
};
use numbercloak::verdict::Outcome;
use tokio::task::{JoinSet, LocalSet};

use super::worth;
use crate::support::app::App;
use crate::support::browser::{Browser, End};
use crate::support::rp::{Answer, Wish};

/// How a login with a magic number goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goes {
    /// Back at our callback, with this outcome.
    To(Outcome),
    /// Nowhere: the operator keeps the browser.
    Nowhere,
    /// On a page of the operator that leads no further, with this status.
    Stuck(u16),
    /// To our page for a browser whose login is not known.
    Lost,
}

/// operators.md section 10.3, against the meaning of errors that `operator/errors.rs` promises.
fn expected(persona: Persona, effect: Effect) -> Goes {
    match by_contract(persona, effect) {
        Some(own) => own,
        None => usual(effect),
    }
}

/// What goes otherwise with a persona than with CAMARA.
fn by_contract(persona: Persona, effect: Effect) -> Option<Goes> {
    use Outcome::{
        NotOnMobileNetwork, OperatorMisconfigured, OperatorUnsupportedNumber, ProtocolViolation,
        Verified,
    };
    let camara = persona == Persona::Camara21;
    Some(Goes::To(match (persona, effect) {
        // Only CAMARA is asked for silence; the others' page is answered with a yes.
        (_, Effect::Authorize(AtAuthorize::Consent)) if !camara => Verified,
        // Asked before the departure.
        (Persona::Vonage, Effect::Authorize(AtAuthorize::NotCovered)) => OperatorUnsupportedNumber,
        // A number instead of OAuth's word.
        (Persona::Telefonica, Effect::Token(AtToken::BadRequest(_))) => ProtocolViolation,
        // An ID token that is not relied on can only make us refuse.
        (Persona::VodafoneMc, Effect::IdToken(AtIdToken::TextMessage | AtIdToken::Password)) => {
            NotOnMobileNetwork
        }
        (_, Effect::IdToken(_) | Effect::Discovery(_)) if !camara => Verified,
        (_, Effect::Token(AtToken::WithoutIdToken)) if !camara => Verified,
        // The status alone tells.
        (Persona::VodafoneMc, Effect::Api(AtApi::Error(403, _, _))) => OperatorMisconfigured,
        (Persona::VodafoneMc, Effect::Api(AtApi::Error(422, _, _))) => ProtocolViolation,
        _ => return None,
    }))
}

fn usual(effect: Effect) -> Goes {
    use Outcome::{
        ConsentDenied, ConsentRequired, Mismatch, NotOnMobileNetwork, OperatorMisconfigured,
        OperatorRateLimited, OperatorTimeout, OperatorUnavailable, OperatorUnsupportedNumber,
        ProtocolViolation, Verified,
    };
    Goes::To(match effect {
        Effect::Authorize(at) => match at {
            AtAuthorize::Error(word) => match word {
                "access_denied"
                | "login_required"
                | "interaction_required"
                | "account_selection_required" => NotOnMobileNetwork,
                "consent_required" => ConsentRequired,
                "consent_denied" => ConsentDenied,
                "server_error" | "temporarily_unavailable" => OperatorUnavailable,
                _ => OperatorMisconfigured,
            },
            AtAuthorize::Consent => ConsentRequired,
            AtAuthorize::NotCovered => NotOnMobileNetwork,
            AtAuthorize::BadRequestPage => return Goes::Stuck(400),
            AtAuthorize::ForbiddenPage => return Goes::Stuck(403),
            AtAuthorize::Hang | AtAuthorize::Reset | AtAuthorize::Loop => return Goes::Nowhere,
            AtAuthorize::Chain | AtAuthorize::RawSpace | AtAuthorize::Relative => Verified,
        },
        Effect::Callback(at) => match at {
            AtCallback::WithoutState | AtCallback::AlteredState => return Goes::Lost,
            AtCallback::TwoCodes
            | AtCallback::CodeAndError
            | AtCallback::UnknownError
            | AtCallback::ForeignIssuer => ProtocolViolation,
            AtCallback::Twice | AtCallback::Late | AtCallback::Printed => Verified,
        },
        Effect::Token(at) => match at {
            AtToken::BadRequest("invalid_grant") => ProtocolViolation,
            AtToken::BadRequest(_) | AtToken::InvalidClient | AtToken::NumericCode => {
                OperatorMisconfigured
            }
            AtToken::InternalHtml | AtToken::Unavailable => OperatorUnavailable,
            AtToken::TooManyRequests => OperatorRateLimited,
            AtToken::Delay => OperatorTimeout,
            AtToken::Truncated | AtToken::WithoutIdToken => ProtocolViolation,
            AtToken::ExpiresInString
            | AtToken::LowerCaseType
            | AtToken::WithoutExpiresIn
            | AtToken::ShortLived => Verified,
            AtToken::NarrowedScope => OperatorMisconfigured,
        },
        Effect::IdToken(at) => match at {
            AtIdToken::WrongNonce
            | AtIdToken::WrongAudience
            | AtIdToken::WrongIssuer
            | AtIdToken::Expired
            | AtIdToken::FromTheFuture
            | AtIdToken::AlgNone
            | AtIdToken::HmacWithPublicKey
            | AtIdToken::UnknownKey => ProtocolViolation,
            AtIdToken::NumberAsSubject => Verified,
            AtIdToken::TextMessage | AtIdToken::Password => NotOnMobileNetwork,
        },
        Effect::Discovery(at) => match at {
            // What is known is used; the next request meets it.
            AtDiscovery::NotFound | AtDiscovery::OtherIssuer => Verified,
            AtDiscovery::KeysDown => OperatorUnavailable,
            AtDiscovery::KeyRotated => Verified,
        },
        Effect::Verify(AtVerify::Compare) => Verified,
        Effect::Verify(AtVerify::Different) => Mismatch,
        // These act on the other call only.
        Effect::Share(_) => Verified,
        Effect::Api(at) => match at {
            AtApi::Error(401, _, _) => ProtocolViolation,
            AtApi::Error(400, _, _) | AtApi::Error(403, "PERMISSION_DENIED", _) => {
                OperatorMisconfigured
            }
            AtApi::Error(403, word, _) if word.ends_with("INVALID_TS43_TOKEN") => ProtocolViolation,
            AtApi::Error(403, _, _) => NotOnMobileNetwork,
            AtApi::Error(404 | 422, _, _) => OperatorUnsupportedNumber,
            AtApi::Error(429, _, _) => OperatorRateLimited,
            AtApi::Error(_, _, _) => OperatorUnavailable,
            AtApi::WrongType | AtApi::MissingMember | AtApi::Null | AtApi::Empty | AtApi::Html => {
                ProtocolViolation
            }
            AtApi::WithoutCorrelator => Verified,
            AtApi::Delay => OperatorTimeout,
        },
        // These act on checks that this app does not want.
        Effect::Check(_) | Effect::BackChannel(_) => Verified,
    })
}

fn title(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Mismatch => "This number does not match",
        Outcome::NotOnMobileNetwork => "Switch to mobile data",
        Outcome::OperatorUnsupportedNumber => "Your operator is not supported yet",
        Outcome::ConsentRequired | Outcome::ConsentDenied => "Simulator needs your permission",
        Outcome::OperatorTimeout | Outcome::OperatorUnavailable | Outcome::OperatorRateLimited => {
            "Simulator does not answer"
        }
        Outcome::OperatorMisconfigured | Outcome::ProtocolViolation => "Something went wrong",
        other => panic!("{other} has no page here"),
    }
}

#[tokio::test]
async fn every_magic_number_has_its_outcome_and_no_other_code() {
    let app = App::builder()
        .operator(|operator| {
            operator.total_timeout_ms = 4_000;
            // Every row has its own outcome, however many of them mean that the operator is down.
            operator.restraint.breaker_failures = 0;
        })
        .start()
        .await;
    let app = Rc::new(app);
    LocalSet::new()
        .run_until(drive_all(&app, Persona::Camara21))
        .await;
    assert_worth(&app, Persona::Camara21).await;
}

#[tokio::test]
async fn every_magic_number_has_its_outcome_at_a_channel_partner() {
    every_magic_number_at(Persona::Telefonica).await;
}

#[tokio::test]
async fn every_magic_number_has_its_outcome_at_vonage() {
    every_magic_number_at(Persona::Vonage).await;
}

#[tokio::test]
async fn every_magic_number_has_its_outcome_by_mobile_connect() {
    every_magic_number_at(Persona::VodafoneMc).await;
}

/// The others of the table are not an operator's to cause, or end a login that nobody came back to.
#[test]
fn every_outcome_that_an_operator_can_cause_has_a_number() {
    for outcome in [
        Outcome::Verified,
        Outcome::Mismatch,
        Outcome::NotOnMobileNetwork,
        Outcome::OperatorUnsupportedNumber,
        Outcome::ConsentDenied,
        Outcome::ConsentRequired,
        Outcome::OperatorTimeout,
        Outcome::OperatorUnavailable,
        Outcome::OperatorRateLimited,
        Outcome::OperatorMisconfigured,
        Outcome::ProtocolViolation,
    ] {
        let reached = |row: &Scenario| expected(Persona::Camara21, row.effect) == Goes::To(outcome);
        assert!(TABLE.iter().any(reached), "{outcome}");
    }
}

async fn every_magic_number_at(persona: Persona) {
    let app = App::builder()
        .persona(persona)
        .operator(|operator| {
            operator.total_timeout_ms = 4_000;
            operator.restraint.breaker_failures = 0;
        })
        .start()
        .await;
    let app = Rc::new(app);
    LocalSet::new().run_until(drive_all(&app, persona)).await;
    assert_worth(&app, persona).await;
}

/// As many grants, codes, sessions and go-aheads as numbers were verified.
async fn assert_worth(app: &App, persona: Persona) {
    let verified = TABLE
        .iter()
        .filter(|row| expected(persona, row.effect) == Goes::To(Outcome::Verified))
        .count();
    let verified = i64::try_from(verified).unwrap();
    assert_eq!(worth(app).await, [verified; 4]);
}

async fn drive_all(app: &Rc<App>, persona: Persona) {
    let mut running = JoinSet::new();
    // What the next request for metadata or keys meets would hit another login.
    let (alone, table): (Vec<&Scenario>, Vec<_>) = TABLE
        .iter()
        .partition(|row| matches!(row.effect, Effect::Discovery(_)));
    // Those that keep somebody waiting first, and a few at a time.
    let waits = |row: &&Scenario| {
        matches!(
            row.effect,
            Effect::Authorize(AtAuthorize::Hang)
                | Effect::Token(AtToken::Delay)
                | Effect::Api(AtApi::Delay)
        )
    };
    // After a 429 nobody departs for a while.
    let limits =
        |row: &&Scenario| expected(persona, row.effect) == Goes::To(Outcome::OperatorRateLimited);
    let (limiting, others): (Vec<&Scenario>, Vec<_>) = table.into_iter().partition(limits);
    let (slow, quick): (Vec<&Scenario>, Vec<_>) = others.into_iter().partition(waits);
    assert_eq!((slow.len(), limiting.len()), (3, 3));
    for row in slow {
        running.spawn_local(drive(app.clone(), persona, row));
    }
    for row in quick {
        if running.len() > 6 {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn_local(drive(app.clone(), persona, row));
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
    for row in limiting {
        drive(app.clone(), persona, row).await;
        app.clock.advance(Duration::from_secs(61));
    }
    for row in alone {
        // Unknown keys were met before; the operator is not asked for its keys at once again.
        app.clock.advance(Duration::from_secs(120));
        drive(app.clone(), persona, row).await;
    }
}

async fn drive(app: Rc<App>, persona: Persona, row: &'static Scenario) {
    let patience = match row.effect {
        Effect::Authorize(AtAuthorize::Hang) => 2,
        _ => 30,
    };
    let mut browser = Browser::with_patience(&app.clock, Duration::from_secs(patience));
    let departure = app.open(&mut browser, &Wish::of(&row.number())).await;
    let login = browser.login();
    browser.go_as(&row.number()).await;
    follow_what_the_operator_shows(&mut browser, row).await;
    let code = row.code;
    let mut story = vec!["LOGIN_STARTED".to_owned(), "OPERATOR_SELECTED".to_owned()];
    let not_covered =
        persona == Persona::Vonage && row.effect == Effect::Authorize(AtAuthorize::NotCovered);
    if not_covered {
        "OPERATOR_SELECTED_ERROR operator_unsupported_number".clone_into(&mut story[1]);
    }
    match expected(persona, row.effect) {
        Goes::Nowhere => {
            let why = match row.effect {
                Effect::Authorize(AtAuthorize::Loop) => "redirects without end",
                _ => "no answer",
            };
            assert!(
                matches!(browser.end, End::Lost(lost) if lost == why),
                "{code}: {:?}",
                browser.end
            );
        }
        Goes::Stuck(status) => assert_eq!(browser.page().status, status, "{code}"),
        // Its own browser finds its login again, which knows the way back.
        Goes::Lost => assert_eq!(browser.title(), "Check your number", "{code}"),
        Goes::To(Outcome::Verified) => {
            assert!(
                matches!(browser.end, End::Left(_)),
                "{code}: {:?}",
                browser.end
            );
            let signed_in = app.redeem(&browser, &departure).await;
            assert_eq!(signed_in.claims["phone_number"], row.number(), "{code}");
            story.extend(
                [
                    "NUMBER_VERIFIED verified",
                    "LOGIN verified",
                    "CODE_TO_TOKEN",
                ]
                .map(Into::into),
            );
        }
        Goes::To(outcome) => {
            assert!(
                matches!(browser.end, End::Page),
                "{code}: {:?}",
                browser.end
            );
            assert_eq!(browser.title(), title(outcome), "{code}");
            browser.press("Return to shop").await;
            // The app did not ask for silence: what the operator lacked was the person's yes.
            let told = match outcome {
                Outcome::ConsentRequired => Outcome::ConsentDenied,
                other => other,
            };
            let error = OAuthError::for_outcome(told).unwrap();
            assert_eq!(
                app.answer(&browser, &departure),
                Answer::Error(error.code.as_str().to_owned(), told.to_string()),
                "{code}"
            );
            if !not_covered {
                story.push(format!("NUMBER_NOT_VERIFIED {outcome}"));
            }
            story.push(format!("LOGIN_ERROR {told}"));
        }
    }
    assert_eq!(app.story(login).await, story, "{code}: {}", row.says);
}

/// A link on the operator's page, or the address printed there; a yes to what it asks.
async fn follow_what_the_operator_shows(browser: &mut Browser, row: &Scenario) {
    match row.effect {
        Effect::Authorize(AtAuthorize::Consent) if browser.title() == "Your consent" => {
            browser.press("Accept").await;
        }
        Effect::Callback(AtCallback::Twice | AtCallback::Late) => {
            let target = browser.page().document.links[0].1.clone();
            browser.follow(&target).await;
        }
        Effect::Callback(AtCallback::Printed) => {
            let text = browser.page().document.text.clone();
            let target = text.split(' ').find(|word| word.starts_with("http"));
            browser.open(target.unwrap()).await;
        }
        _ => {}
    }
}
