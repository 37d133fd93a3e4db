//! Signing out: RP-Initiated, Back-Channel and Front-Channel Logout 1.0.

mod backchannel;
mod browser;

use url::Url;

use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::{Rp, SignedIn, Wish};

/// Where `shop` has people come after signing out.
const BYE: &str = "https://shop.example/bye";

async fn app() -> App {
    let builder = App::builder().client(|shop| {
        shop.settings.post_logout_redirect_uris = vec![BYE.to_owned()];
    });
    builder.start().await
}

/// The address an app sends a browser to.
fn logout(app: &App, parameters: &[(&str, &str)]) -> Url {
    Url::parse_with_params(&format!("{}/logout", app.issuer), parameters).unwrap()
}

async fn sign_in(app: &App, browser: &mut Browser) -> SignedIn {
    app.sign_in(browser, &Wish::of(NUMBER)).await
}

/// Signs in to another app in the same browser, whatever that takes.
async fn sign_in_to(rp: &Rp, browser: &mut Browser) -> SignedIn {
    let departure = rp.depart(&Wish::of(NUMBER)).await;
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    let answer = rp.answer(&departure, browser.left());
    rp.redeem(&departure, answer.code()).await
}

/// Live sessions.
async fn sessions(app: &App) -> i64 {
    let mut owner = app.database.owner().await;
    sqlx::query_scalar("select count(*) from sessions where ended_at is null")
        .fetch_one(&mut owner)
        .await
        .unwrap()
}
