//! Two secrets at a time, with their ends and last uses (issue 7, Client authentication).

use std::time::Duration;

use numbercloak::admin::{client_secrets, clients};
use numbercloak::store::clients::{AuthMethod, Client};

use super::{kept_out, knock_as, let_in, with_key};
use crate::support::app::{App, new_client};
use crate::support::client_key::ClientKey;

async fn stored(app: &App, client_id: &str) -> Client {
    clients::show(&app.desk(), client_id).await.unwrap()
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_replaced_secret_works_until_its_grace_is_over_and_a_new_one_until_its_end() {
    let app = App::start().await;
    let rp = app.register(new_client("two")).await;
    let first = rp.secret.clone().unwrap();
    let rotated = client_secrets::rotate(&app.desk(), "two", DAY, Some(3 * DAY))
        .await
        .unwrap();
    let second = rotated.secret.reveal();
    app.state().forget("clients").await;
    for secret in [&first, &second] {
        let_in(&knock_as(&rp, secret).await);
    }
    // A third would end one early.
    assert!(
        client_secrets::rotate(&app.desk(), "two", DAY, None)
            .await
            .is_err()
    );
    app.clock.advance(DAY);
    kept_out(&knock_as(&rp, &first).await);
    let_in(&knock_as(&rp, &second).await);
    app.clock.advance(2 * DAY);
    kept_out(&knock_as(&rp, &second).await);
}

#[tokio::test]
async fn one_secret_is_revoked_at_once_and_the_other_works_on() {
    let app = App::start().await;
    let rp = app.register(new_client("two")).await;
    let first = rp.secret.clone().unwrap();
    let rotated = client_secrets::rotate(&app.desk(), "two", DAY, None)
        .await
        .unwrap();
    let second = rotated.secret.reveal();
    let desk = app.desk();
    assert!(client_secrets::revoke(&desk, "two", "????").await.is_err());
    let id = stored(&app, "two").await.secrets[0].id.to_string();
    assert!(
        client_secrets::revoke(&desk, "shop", &id).await.is_err(),
        "it is not shop's"
    );
    assert_eq!(
        client_secrets::revoke(&desk, "two", &first[..4])
            .await
            .unwrap(),
        1
    );
    app.state().forget("clients").await;
    kept_out(&knock_as(&rp, &first).await);
    let_in(&knock_as(&rp, &second).await);
}

#[tokio::test]
async fn the_last_use_of_a_secret_is_written_later_and_at_the_latest_when_the_server_stops() {
    let app = App::start().await;
    let rp = app.register(new_client("used")).await;
    let secret = rp.secret.clone().unwrap();
    kept_out(&knock_as(&rp, "wrong").await);
    app.clock.advance(Duration::from_secs(60));
    let used_at = app.clock.now();
    let_in(&knock_as(&rp, &secret).await);
    assert_eq!(stored(&app, "used").await.secrets[0].last_used_at, None);
    let app = app.restart().await;
    let last = stored(&app, "used").await.secrets[0].last_used_at.unwrap();
    assert!(
        last >= used_at && last <= app.clock.now(),
        "{last} {used_at}"
    );
}

#[tokio::test]
async fn a_client_that_takes_up_a_key_loses_its_secrets() {
    let app = App::start().await;
    let rp = app.register(new_client("moving")).await;
    let secret = rp.secret.clone().unwrap();
    let key = ClientKey::new("one", &app.clock);
    let jwks = with_key("x", &key).settings.jwks;
    app.edit_client(&rp, |client| {
        client.auth_method = AuthMethod::PrivateKeyJwt;
        client.settings.jwks = jwks;
    })
    .await;
    kept_out(&knock_as(&rp, &secret).await);
    assert!(
        client_secrets::rotate(&app.desk(), "moving", DAY, None)
            .await
            .is_err()
    );
    app.edit_client(&rp, |client| {
        client.auth_method = AuthMethod::ClientSecretBasic
    })
    .await;
    // It must not come back with the method.
    kept_out(&knock_as(&rp, &secret).await);
    let rotated = client_secrets::rotate(&app.desk(), "moving", DAY, None)
        .await
        .unwrap();
    app.state().forget("clients").await;
    let_in(&knock_as(&rp, &rotated.secret.reveal()).await);
}
