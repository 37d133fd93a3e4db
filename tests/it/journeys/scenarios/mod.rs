//! Every magic number of the simulator, driven through a whole login at every persona: the outcome on
//! record, the page the person ends on, what the app is told, and no code but where the number was
//! verified.

mod documented;
mod expected;

use std::rc::Rc;
use std::time::Duration;

use numbercloak::oauth::error::OAuthError;
use numbercloak::simulator::scenario::{
    AtApi, AtAuthorize, AtBackChannel, AtCallback, AtCheck, AtToken, Effect, Scenario,
};
use numbercloak::simulator::{Device, Handle, Persona, Whose};
use numbercloak::store::checks::{CheckContract, CheckFlow, Policy};
use numbercloak::store::operators::Settings;
use numbercloak::verdict::Outcome;
use tokio::task::{JoinSet, LocalSet};

use super::worth;
use crate::support::app::{App, new_client};
use crate::support::browser::{Browser, End};
use crate::support::rp::{Answer, Departure, Rp, Wish};
use expected::{Asking, Goes, Stage, expected, lacks, logins, title};

/// Logins under way at once: what keeps a row waiting is not our CPU.
const AT_ONCE: usize = 8;

/// A persona with everything its contract has, and two apps: one that wants the number only, one that
/// requires both checks.
struct World {
    persona: Persona,
    app: App,
    bank: Rp,
}

impl World {
    async fn of(persona: Persona) -> Self {
        // The usual persona with a secret and RFC 9207's iss, the others as their presets have them.
        let builder = match persona {
            Persona::Camara21 => App::builder(),
            other => App::builder().persona(other),
        };
        let app = builder
            .operator(move |operator| complete(persona, operator))
            .start()
            .await;
        let mut bank = new_client("bank");
        bank.settings.checks.sim_swap.policy = Policy::Require;
        bank.settings.checks.number_recycling.policy = Policy::Require;
        let bank = app.register(bank).await;
        Self { persona, app, bank }
    }

    fn rp(&self, asking: Asking) -> &Rp {
        match asking {
            Asking::Verify | Asking::Share => &self.app.shop,
            Asking::Checked => &self.bank,
        }
    }

    fn expected(&self, asking: Asking, row: &Scenario) -> Goes {
        expected(self.persona, asking, row.effect)
    }
}

/// The record, with whatever its operator offers.
fn complete(persona: Persona, operator: &mut Settings) {
    operator.total_timeout_ms = 6_000;
    // Every row has its own outcome, however many of them mean that the operator is down.
    operator.restraint.breaker_failures = 0;
    if lacks(persona, Stage::Share).is_none() && operator.scope_device_phone_number.is_none() {
        let scope = match persona {
            Persona::Camara03 => {
                "openid dpv:FraudPreventionAndDetection#number-verification-share-read"
            }
            _ => "openid dpv:ServiceProvision number-verification:device-phone-number:read",
        };
        operator.scope_device_phone_number = Some(scope.to_owned());
    }
    if lacks(persona, Stage::Checks).is_none() {
        operator.checks.timeout_ms = 10_000;
        operator.checks.backchannel_endpoint = Some(format!("{}/bc-authorize", operator.api_root));
        operator.checks.sim_swap = Some(CheckContract::default());
        operator.checks.number_recycling = Some(CheckContract {
            flow: CheckFlow::Ciba,
            ..CheckContract::default()
        });
    }
}

async fn every_magic_number_at(persona: Persona) {
    let world = Rc::new(World::of(persona).await);
    LocalSet::new().run_until(drive_all(&world)).await;
    // As many grants, codes, sessions and go-aheads as numbers were verified.
    let verified = logins(persona).into_iter();
    let verified = verified
        .filter(|(asking, row)| world.expected(*asking, row) == Goes::To(Outcome::Verified));
    let verified = i64::try_from(verified.count()).unwrap();
    // The owner before was forgotten: of their login, codes and go-aheads are gone.
    let kept = verified - i64::from(lacks(persona, Stage::Checks).is_none());
    assert_eq!(
        worth(&world.app).await,
        [verified, kept, verified, kept],
        "grants, codes, sessions, go-aheads"
    );
}

/// One test for each persona.
macro_rules! at_every_persona {
    ($($name:ident: $persona:ident,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                every_magic_number_at(Persona::$persona).await;
            }
        )*

        #[test]
        fn no_persona_is_left_out() {
            assert_eq!(Persona::ALL, [$(Persona::$persona),*]);
        }
    };
}

at_every_persona! {
    every_magic_number_has_its_outcome_and_no_other_code: Camara21,
    every_magic_number_has_its_outcome_at_camara_2_0: Camara20,
    every_magic_number_has_its_outcome_at_camara_1_0: Camara10,
    every_magic_number_has_its_outcome_at_camara_0_3: Camara03,
    every_magic_number_has_its_outcome_under_the_strict_rules: CamaraStrict,
    every_magic_number_has_its_outcome_at_vonage: Vonage,
    every_magic_number_has_its_outcome_at_a_channel_partner: Telefonica,
    every_magic_number_has_its_outcome_by_mobile_connect: VodafoneMc,
    every_magic_number_has_its_outcome_at_vodafones_camara_door: VodafoneCamara,
    every_magic_number_has_its_outcome_at_orange: Orange,
    every_magic_number_has_its_outcome_at_tim: TimMc,
    every_magic_number_has_its_outcome_at_glide: Glide,
}

async fn drive_all(world: &Rc<World>) {
    type Login = (Asking, &'static Scenario);
    let mut running = JoinSet::new();
    // What the next request for metadata or keys meets would hit another login.
    let (alone, table): (Vec<Login>, Vec<_>) = logins(world.persona)
        .into_iter()
        .partition(|(_, row)| matches!(row.effect, Effect::Discovery(_)));
    // A new owner ends what the one before is just getting.
    let (recycling, table): (Vec<Login>, Vec<_>) = table.into_iter().partition(|(asking, row)| {
        world.expected(*asking, row) == Goes::To(Outcome::NumberRecycled)
    });
    // After a 429 nobody departs for a while.
    let (limiting, others): (Vec<Login>, Vec<_>) = table.into_iter().partition(|(asking, row)| {
        world.expected(*asking, row) == Goes::To(Outcome::OperatorRateLimited)
    });
    // Those that keep somebody waiting first.
    let (slow, quick): (Vec<Login>, Vec<_>) = others
        .into_iter()
        .partition(|(asking, row)| waits(*asking, row));
    assert!(slow.len() >= 3 && limiting.len() >= 3);
    for (asking, row) in slow {
        running.spawn_local(drive(world.clone(), asking, row));
    }
    let slow = running.len();
    for (asking, row) in quick {
        if running.len() >= slow + AT_ONCE {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn_local(drive(world.clone(), asking, row));
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
    for (asking, row) in recycling {
        drive(world.clone(), asking, row).await;
    }
    for (asking, row) in limiting {
        drive(world.clone(), asking, row).await;
        world.app.clock.advance(Duration::from_secs(61));
    }
    for (asking, row) in alone {
        // Unknown keys were met before; the operator is not asked for its keys at once again.
        world.app.clock.advance(Duration::from_secs(120));
        drive(world.clone(), asking, row).await;
    }
}

fn waits(asking: Asking, row: &Scenario) -> bool {
    match row.effect {
        Effect::Authorize(AtAuthorize::Hang)
        | Effect::Token(AtToken::Delay)
        | Effect::Api(AtApi::Delay) => true,
        Effect::Check(AtCheck::Delay)
        | Effect::BackChannel(AtBackChannel::Pending | AtBackChannel::SlowDown) => {
            asking == Asking::Checked
        }
        _ => false,
    }
}

async fn drive(world: Rc<World>, asking: Asking, row: &'static Scenario) {
    let (app, rp) = (&world.app, world.rp(asking));
    let case = format!("{} {asking:?} {}", world.persona.name(), row.code);
    let patience = match row.effect {
        Effect::Authorize(AtAuthorize::Hang) => 6,
        _ => 30,
    };
    let mut browser = Browser::with_patience(&app.clock, Duration::from_secs(patience));
    let (departure, login) = depart(&world, &mut browser, asking, row).await;
    follow_what_the_operator_shows(&mut browser, row).await;
    let mut story = vec!["LOGIN_STARTED".to_owned(), "OPERATOR_SELECTED".to_owned()];
    let not_covered = world.persona == Persona::Vonage
        && row.effect == Effect::Authorize(AtAuthorize::NotCovered);
    if not_covered {
        "OPERATOR_SELECTED_ERROR operator_unsupported_number".clone_into(&mut story[1]);
    }
    match world.expected(asking, row) {
        Goes::Nowhere => {
            let why = match row.effect {
                Effect::Authorize(AtAuthorize::Loop) => "redirects without end",
                _ => "no answer",
            };
            assert!(
                matches!(browser.end, End::Lost(lost) if lost == why),
                "{case}: {:?}",
                browser.end
            );
        }
        Goes::Stuck(status) => assert_eq!(browser.page().status, status, "{case}"),
        // Its own browser finds its login again, which knows the way back.
        Goes::Lost => assert_eq!(browser.title(), "Check your number", "{case}"),
        Goes::To(Outcome::Verified) => {
            if asking == Asking::Share {
                assert_eq!(browser.title(), "Share your number with shop?", "{case}");
                browser.press("Share my number").await;
            }
            assert!(
                matches!(browser.end, End::Left(_)),
                "{case}: {:?} {}",
                browser.end,
                browser.titles().join(", ")
            );
            let answer = rp.answer(&departure, browser.left());
            let signed_in = rp.redeem(&departure, answer.code()).await;
            assert_eq!(signed_in.claims["phone_number"], row.number(), "{case}");
            story.extend(
                [
                    "NUMBER_VERIFIED verified",
                    "LOGIN verified",
                    "GRANT_CONSENT",
                    "CODE_TO_TOKEN",
                ]
                .map(Into::into),
            );
        }
        Goes::To(outcome) => {
            assert!(
                matches!(browser.end, End::Page),
                "{case}: {:?}",
                browser.end
            );
            assert_eq!(browser.title(), title(outcome), "{case}");
            browser.press(&format!("Return to {}", rp.client_id)).await;
            // The app did not ask for silence: what the operator lacked was the person's yes.
            let told = match outcome {
                Outcome::ConsentRequired => Outcome::ConsentDenied,
                other => other,
            };
            let error = OAuthError::for_outcome(told).unwrap();
            assert_eq!(
                rp.answer(&departure, browser.left()),
                Answer::Error(error.code.as_str().to_owned(), told.to_string()),
                "{case}"
            );
            if !not_covered {
                story.push(format!("NUMBER_NOT_VERIFIED {outcome}"));
            }
            story.push(format!("LOGIN_ERROR {told}"));
        }
    }
    let mut told = app.story(login).await;
    let before = told.len();
    told.retain(|line| line != "NUMBER_CHANGED_HANDS");
    let recycled = world.expected(asking, row) == Goes::To(Outcome::NumberRecycled);
    assert_eq!(before - told.len(), usize::from(recycled), "{case}");
    assert_eq!(told, story, "{case}: {}", row.says);
}

/// From the app's button to wherever the operator leaves the browser; the login's id.
async fn depart(
    world: &World,
    browser: &mut Browser,
    asking: Asking,
    row: &Scenario,
) -> (Departure, uuid::Uuid) {
    let number = row.number();
    let wish = match asking {
        Asking::Verify | Asking::Checked => Wish::of(&number),
        Asking::Share => Wish::new().scopes(&["phone"]),
    };
    let departure = world.rp(asking).depart(&wish).await;
    if asking == Asking::Share {
        let operator = &world.app.operator;
        let sim = Some(Device::parse(&number).unwrap());
        operator.set_sim(Whose::Browser(number.clone()), sim);
        let host = operator.address().ip().to_string();
        browser.set_cookie(&host, Handle::COOKIE, &number);
        browser.follows_refresh = false;
        browser.open(&departure.url).await;
        let login = browser.login();
        browser.follows_refresh = true;
        browser.proceed().await;
        return (departure, login);
    }
    browser.open(&departure.url).await;
    let login = browser.login();
    browser.go_as(&number).await;
    (departure, login)
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
