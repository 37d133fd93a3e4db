//! Clients: the list, registering one, its page, its code, its settings, its branding, its keys and protocol, its
//! secrets, its sector, its end.

pub mod branding;
pub mod edit;
pub mod list;
pub mod new;
pub mod one;
pub mod protocol;
pub mod remove;
pub mod secrets;
pub mod sector;
pub mod trial;

use crate::admin::{Refused, clients};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::clients::{Client, Kind};

/// The client that the path names.
async fn named(visit: &Visit) -> Result<Client, Trouble> {
    Ok(clients::show(&visit.desk(), visit.path("client_id")).await?)
}

/// A client's page.
fn page_of(client_id: &str) -> String {
    format!("/admin/clients/{client_id}")
}

/// A kind, as people read it.
fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Web => "web app",
        Kind::Spa => "single-page app",
        Kind::Native => "native app",
    }
}

/// One line each, spaces around them taken away.
fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A refusal that the form can show: which field, and what to do.
fn field_of(refused: Refused) -> Result<(&'static str, String), Trouble> {
    match refused {
        Refused::Invalid { field, message } => Ok((field, message)),
        Refused::Taken { field, value } => Ok((field, format!("{value} is taken"))),
        other => Err(other.into()),
    }
}
