//! A client's sector: what its pairwise `sub`s are made of (OIDC Core section 8.1). Fixed when the
//! client is registered; changing it gives every person a new `sub` and is an act of its own.

use std::time::Duration;

use http::{Request, StatusCode, header};
use serde_json::json;
use url::{Host, Url};

use crate::admin::clients::find;
use crate::admin::desk::{Act, commit};
use crate::admin::endpoint::check_endpoint;
use crate::admin::refused::check_seen;
use crate::admin::{Desk, Refused};
use crate::outbound::{Limits, Outbound};
use crate::store::clients::{self, Client, Kind};

const FIELD: &str = "sector_identifier_uri";
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    total: Duration::from_secs(5),
    max_bytes: 64 * 1024,
};

/// What stands at a sector identifier URI: the redirect URIs of its sector. Only [`fetch`] makes one.
#[derive(Clone, Debug)]
pub struct SectorDocument {
    uri: String,
    host: String,
    redirect_uris: Vec<String>,
}

/// Fetches a sector identifier document through the guarded HTTP client.
///
/// # Errors
/// [`Refused::Invalid`] if there is none that can be used.
pub async fn fetch(outbound: &Outbound, uri: &str) -> Result<SectorDocument, Refused> {
    check_endpoint(FIELD, uri)?;
    let refuse = |message: String| Refused::invalid(FIELD, message);
    let host = Url::parse(uri)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .ok_or_else(|| refuse("has no host".to_owned()))?;
    let request = Request::get(uri)
        .header(header::ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|_| refuse("is not a URL".to_owned()))?;
    let answer = outbound
        .send(request, LIMITS)
        .await
        .map_err(|error| refuse(format!("could not be fetched ({error})")))?;
    if answer.status() != StatusCode::OK {
        return Err(refuse(format!(
            "could not be fetched (status {})",
            answer.status().as_u16()
        )));
    }
    let redirect_uris = serde_json::from_slice(answer.body())
        .map_err(|_| refuse("does not answer with a JSON array of redirect URIs".to_owned()))?;
    Ok(SectorDocument {
        uri: uri.to_owned(),
        host,
        redirect_uris,
    })
}

impl SectorDocument {
    /// Where it stands.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Its sector.
    pub(super) fn sector(&self) -> &str {
        &self.host
    }

    /// Refuses redirect URIs that it does not list.
    pub(super) fn check(&self, redirect_uris: &[String]) -> Result<(), Refused> {
        match redirect_uris
            .iter()
            .find(|uri| !self.redirect_uris.contains(uri))
        {
            None => Ok(()),
            Some(missing) => Err(Refused::invalid(
                FIELD,
                format!("{} does not list the redirect URI {missing}", self.uri),
            )),
        }
    }
}

/// Gives a client another sector: that of a document, or that of its redirect URIs. Every person gets
/// a new `sub` there. Returns the client as it is then.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Stale`], [`Refused::Invalid`] if the document does not list its
/// redirect URIs.
pub async fn change(
    desk: &Desk,
    client_id: &str,
    to: Option<&SectorDocument>,
    seen: Option<i32>,
) -> Result<Client, Refused> {
    let mut tx = desk.begin().await?;
    let mut client = find(&mut tx, client_id).await?;
    check_seen(seen, client.revision)?;
    let before = json!({ "sector": client.sector, FIELD: client.settings.sector_identifier_uri });
    client.sector = match to {
        Some(document) => {
            document.check(&client.redirect_uris)?;
            document.sector().to_owned()
        }
        None => sector_of(&client.redirect_uris, client.kind)
            .unwrap_or_else(|| client.client_id.clone()),
    };
    client.settings.sector_identifier_uri = to.map(|document| document.uri().to_owned());
    let after = json!({ "sector": client.sector, FIELD: client.settings.sector_identifier_uri });
    clients::update(&mut tx, &client, desk.now).await?;
    clients::set_sector(&mut tx, client.id, &client.sector).await?;
    let act = Act {
        operation: "ACTION",
        resource: "client",
        id: client_id,
        details: json!({ "action": "change_sector", "before": before, "after": after }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    client.revision += 1;
    client.updated_at = desk.now;
    Ok(client)
}

/// The one host of all redirect URIs (OIDC Core section 8.1). A native app's loopback or private
/// scheme is nobody's host: apps of different makers would share it and could compare their `sub`s.
pub(super) fn sector_of(uris: &[String], kind: Kind) -> Option<String> {
    let mut one: Option<String> = None;
    for uri in uris {
        let url = Url::parse(uri).ok()?;
        if !matches!(url.scheme(), "https" | "http") {
            return None;
        }
        let loopback = match url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        if kind == Kind::Native && loopback {
            return None;
        }
        let host = url.host_str()?;
        if one.as_deref().is_some_and(|other| other != host) {
            return None;
        }
        one = Some(host.to_owned());
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(uris: &[&str]) -> Vec<String> {
        uris.iter().map(|uri| (*uri).to_owned()).collect()
    }

    #[test]
    fn the_sector_is_the_one_host_of_all_redirect_uris() {
        let sector = |uris: &[&str], kind| sector_of(&own(uris), kind);
        let ports = ["https://a.example/x", "https://a.example:8443/y"];
        assert_eq!(sector(&ports, Kind::Web).as_deref(), Some("a.example"));
        let two = ["https://a.example/x", "https://b.example/x"];
        assert_eq!(sector(&two, Kind::Web), None);
        for nobodys in ["http://127.0.0.1/cb", "com.example.app://a.example/cb"] {
            assert_eq!(sector(&[nobodys], Kind::Native), None, "{nobodys}");
        }
        let local = ["http://localhost:3000/cb"];
        assert_eq!(sector(&local, Kind::Spa).as_deref(), Some("localhost"));
    }

    #[test]
    fn a_document_speaks_for_the_uris_it_lists() {
        let document = SectorDocument {
            uri: "https://s.example/uris".to_owned(),
            host: "s.example".to_owned(),
            redirect_uris: own(&["https://a.example/cb", "https://b.example/cb"]),
        };
        assert!(document.check(&own(&["https://b.example/cb"])).is_ok());
        let other = own(&["https://a.example/cb", "https://b.example/cb/"]);
        assert!(document.check(&other).is_err());
    }
}
