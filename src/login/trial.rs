//! A callback that belongs to no login but to a trial: staff test an operator with their own phone
//! ([`crate::admin::operator_trials`]). Looked for only where no login is; nothing here can release anything.

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};

use crate::admin::operator_trials::{self, Asking};
use crate::admin::{Desk, Refused};
use crate::clock::Time;
use crate::login::breakers;
use crate::operator::{Callback, Phone};
use crate::secret::Handle;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// Concludes the trial that this callback belongs to, if it belongs to one, and sends the phone to its page.
pub async fn come_back(
    app: &App,
    browser: &Browser,
    alias: &str,
    state: &Handle,
    callback: &Callback,
    cookies: &[Vec<u8>],
    now: Time,
) -> Result<Option<Response>, Failure> {
    let desk = Desk {
        db: app.db.durable().clone(),
        vault: app.vault.clone(),
        now,
        actor: "system".to_owned(),
    };
    let asking = Asking {
        operators: &app.operators,
        issuer: &app.config.issuer,
        clock: &app.clock,
    };
    let phone = Phone {
        address: browser.address,
        port: browser.port,
    };
    let concluded =
        operator_trials::conclude(&desk, asking, alias, state, callback, cookies, phone).await;
    breakers::settle(app).await;
    match concluded {
        Ok(Some(ticket)) => {
            let page = format!("/phone-test/{ticket}");
            let headers = [(LOCATION, page.as_str()), (CACHE_CONTROL, "no-store")];
            Ok(Some((StatusCode::SEE_OTHER, headers).into_response()))
        }
        Ok(None) => Ok(None),
        Err(Refused::Database(error)) => Err(error.into()),
        Err(refused) => Err(Failure::internal(refused)),
    }
}
