//! What each operator can say but yes: another SIM, no SIM, and a contract that we do not keep.

use numbercloak::simulator::{Device, Persona, Whose};
use numbercloak::store::operators::{NumberForm, Settings};

use super::{at, go};
use crate::journeys::assert_nothing_slipped_out;
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::browser::End;
use crate::support::rp::Wish;

/// What a login of this app ends in, by its records; nothing verified came of it.
async fn outcome(app: &App) -> String {
    assert_nothing_slipped_out(app).await;
    let logins = app.logins().await;
    let story = app.story(*logins.last().unwrap()).await;
    let said = story.iter().rev().find_map(|line| {
        line.strip_prefix("NUMBER_NOT_VERIFIED ")
            .or_else(|| line.strip_prefix("OPERATOR_SELECTED_ERROR "))
    });
    said.unwrap_or_else(|| panic!("{story:?}")).to_owned()
}

#[tokio::test]
async fn another_sim_is_a_mismatch_at_every_operator() {
    for persona in Persona::ALL {
        let app = at(persona).await;
        let mut browser = app.browser();
        go(&app, &mut browser, NUMBER, OTHER_NUMBER).await;
        assert!(matches!(browser.end, End::Page), "{}", persona.name());
        assert_eq!(outcome(&app).await, "mismatch", "{}", persona.name());
    }
}

#[tokio::test]
async fn a_phone_on_wi_fi_is_seen_by_no_operator() {
    for persona in Persona::ALL {
        let app = at(persona).await;
        let phone = Whose::Address("127.0.0.1".parse().unwrap());
        app.operator.set_sim(phone, Some(Device::Wifi));
        let mut browser = app.browser();
        app.open(&mut browser, &Wish::of(NUMBER)).await;
        browser.go_as(NUMBER).await;
        let said = outcome(&app).await;
        assert_eq!(said, "not_on_mobile_network", "{}", persona.name());
    }
}

/// A login with a record that does not fit the contract ends in this outcome.
async fn with_record(
    persona: Persona,
    edit: impl FnOnce(&mut Settings) + Send + 'static,
) -> String {
    let app = App::builder().persona(persona).operator(edit).start().await;
    let mut browser = app.browser();
    go(&app, &mut browser, NUMBER, NUMBER).await;
    outcome(&app).await
}

#[tokio::test]
async fn a_record_that_does_not_fit_the_contract_is_told_as_that() {
    let misconfigured = "operator_misconfigured";
    let said = with_record(Persona::Camara03, |record| {
        "openid dpv:FraudPreventionAndDetection number-verification:verify"
            .clone_into(&mut record.scope_verify);
    });
    assert_eq!(said.await, misconfigured);
    let said = with_record(Persona::CamaraStrict, |record| {
        record.signed_request = false
    });
    assert_eq!(said.await, misconfigured);
    let said = with_record(Persona::CamaraStrict, |record| record.pkce = false);
    assert_eq!(said.await, misconfigured);
    let said = with_record(Persona::Vonage, |record| {
        record.number_form = NumberForm::Plain
    });
    assert_eq!(said.await, misconfigured);
    let said = with_record(Persona::VodafoneMc, |record| {
        record
            .authorize_params
            .insert("version".to_owned(), "mc_v1.1".to_owned());
    });
    assert_eq!(said.await, misconfigured);
    let said = with_record(Persona::VodafoneMc, |record| {
        record.token_parameters = numbercloak::store::operators::TokenParameters::Body;
    });
    assert_eq!(said.await, misconfigured);
    let said = with_record(Persona::TimMc, |record| record.correlation_in_call = false);
    assert_eq!(said.await, misconfigured);
    let said = with_record(Persona::TimMc, |record| record.api_headers.clear());
    assert_eq!(said.await, misconfigured);
    let said = with_record(Persona::Glide, |record| {
        record.authorize_params.remove("purpose");
    });
    assert_eq!(said.await, misconfigured);
    // Their answer does not say why: a code that no record could redeem.
    let said = with_record(Persona::Glide, |record| record.token_redirect_uri = true);
    assert_eq!(said.await, "protocol_violation");
}

#[tokio::test]
async fn a_correlation_id_that_was_exchanged_on_the_way_is_refused() {
    let app = at(Persona::VodafoneMc).await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of("+990701047")).await;
    browser.go_as("+990701047").await;
    let link = browser.page().document.links[0].1.clone();
    let (before, after) = link.split_once("correlation_id=").unwrap();
    let other = "0198f0a2-7c1e-4000-8000-000000000000";
    assert_eq!(after.len(), other.len());
    browser
        .follow(&format!("{before}correlation_id={other}"))
        .await;
    assert_eq!(outcome(&app).await, "protocol_violation");
}

#[tokio::test]
async fn a_leg_that_never_returns_from_the_partner_ends_by_itself_with_a_record() {
    let app = at(Persona::Telefonica).await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of("+990701022")).await;
    let login = browser.login();
    browser.press("Continue").await;
    assert_eq!(browser.page().status, 403);
    app.clock.advance(std::time::Duration::from_secs(16 * 60));
    app.sweep().await;
    assert_nothing_slipped_out(&app).await;
    let story = app.story(login).await;
    assert!(
        story.iter().any(|line| line.ends_with(" abandoned")),
        "{story:?}"
    );
}

#[tokio::test]
async fn a_sandbox_number_is_decided_by_its_last_digits() {
    for (persona, number, said) in [
        (Persona::Vonage, "+990123451", "mismatch"),
        (Persona::Vonage, "+990123499", "operator_unavailable"),
        (Persona::Telefonica, "+990123452", "mismatch"),
    ] {
        let app = at(persona).await;
        let mut browser = app.browser();
        go(&app, &mut browser, number, number).await;
        assert_eq!(outcome(&app).await, said, "{number}");
    }
}
