//! `operator test` against every persona, registered by its preset.

use ipnet::IpNet;
use numbercloak::operator::test::{Step, walk};
use numbercloak::outbound::{Outbound, Rules};
use numbercloak::simulator::Persona;
use numbercloak::store::operators::Operator;

use super::at;
use crate::support::app::{App, OPERATOR};

async fn walked(app: &App, edit: impl FnOnce(&mut Operator)) -> Vec<Step> {
    let outbound = Outbound::new(&Rules {
        allow_private: vec!["127.0.0.0/8".parse::<IpNet>().unwrap()],
        ..Rules::default()
    })
    .unwrap();
    let desk = app.desk();
    let operator = numbercloak::admin::operators::show(&desk, OPERATOR).await;
    let mut operator = operator.unwrap();
    let credentials = operator.credentials(&desk.vault).unwrap();
    edit(&mut operator);
    let back = format!("{}/broker/{OPERATOR}/endpoint", app.issuer);
    walk(&outbound, &operator, &credentials, &back, &app.clock).await
}

fn bad(steps: &[Step]) -> Vec<&'static str> {
    let bad = steps.iter().filter(|step| !step.ok);
    bad.map(|step| step.name).collect()
}

#[tokio::test]
async fn every_operator_that_is_registered_right_passes_every_step() {
    for persona in Persona::ALL {
        let app = at(persona).await;
        let steps = walked(&app, |_| {}).await;
        assert!(bad(&steps).is_empty(), "{}: {steps:?}", persona.name());
        assert!(
            app.operator
                .received()
                .iter()
                .all(|one| !one.path.contains("verify")),
            "nothing that costs money is called"
        );
    }
}

#[tokio::test]
async fn an_operator_that_does_not_know_us_fails_at_client_authentication() {
    for persona in Persona::ALL {
        let app = at(persona).await;
        let steps = walked(&app, |operator| {
            operator.settings.client_id = "somebody-else".to_owned();
        })
        .await;
        assert_eq!(
            bad(&steps),
            ["client_authentication"],
            "{}: {steps:?}",
            persona.name()
        );
    }
}
