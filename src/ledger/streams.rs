//! Records as they are made, sent to other systems: standard output, syslog, a webhook, a collector. What is to be
//! sent is queued in the transaction that appends the record, so none is lost; one whose taking was not
//! confirmed is sent again, under the same id. Nothing personal is in a record.

mod otlp;

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use aws_lc_rs::hmac;
use chrono::TimeDelta;
use http::{Request, header};
use sqlx::PgPool;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket};
use uuid::Uuid;

use crate::clock::{Clock, Time};
use crate::config::{Streams as Settings, SyslogTo};
use crate::outbound::{Limits, Outbound};
use crate::secret::Redacted;
use crate::store::db::StoreError;
use crate::store::outbox::{self, Due};

/// How long a record belongs to the server that took it: longer than a delivery may take.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Records sent at once.
const BATCH: i64 = 100;
/// How long after a failed try the next one follows; the last wait repeats for ever.
const WAITS: [TimeDelta; 5] = [
    TimeDelta::seconds(5),
    TimeDelta::seconds(30),
    TimeDelta::minutes(2),
    TimeDelta::minutes(10),
    TimeDelta::minutes(30),
];
/// What one delivery may cost.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(3),
    total: Duration::from_secs(15),
    max_bytes: 64 * 1024,
};
/// RFC 5424: facility 13 (log audit), severities informational and warning.
const INFO: u8 = 13 * 8 + 6;
const WARNING: u8 = 13 * 8 + 4;

/// Where records go.
#[derive(Debug)]
enum Sink {
    Stdout,
    Syslog {
        to: SyslogTo,
        host: String,
    },
    Webhook {
        url: String,
        secret: Redacted,
    },
    Otlp {
        url: String,
        authorization: Option<Redacted>,
    },
}

/// Why a stream did not take records. The text holds no URL.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("no answer in time")]
    Late,
    #[error("{0}")]
    Call(String),
}

/// One way out.
#[derive(Debug)]
pub struct Stream {
    name: &'static str,
    sink: Sink,
}

impl Stream {
    /// The streams of a configuration; `host` is what syslog calls this server.
    #[must_use]
    pub fn all(settings: &Settings, host: &str) -> Vec<Self> {
        let mut streams = Vec::new();
        if settings.stdout {
            streams.push(("stdout", Sink::Stdout));
        }
        if let Some(to) = settings.syslog {
            let host = host.to_owned();
            streams.push(("syslog", Sink::Syslog { to, host }));
        }
        if let (Some(url), Some(secret)) = (&settings.webhook_url, &settings.webhook_secret) {
            let sink = Sink::Webhook {
                url: url.clone(),
                secret: secret.clone(),
            };
            streams.push(("webhook", sink));
        }
        if let Some(url) = &settings.otlp_url {
            let sink = Sink::Otlp {
                url: url.clone(),
                authorization: settings.otlp_authorization.clone(),
            };
            streams.push(("otlp", sink));
        }
        let stream = |(name, sink)| Self { name, sink };
        streams.into_iter().map(stream).collect()
    }

    /// Tells the database which streams there are, so that it queues for them from now on.
    ///
    /// # Errors
    /// The database.
    pub async fn announce(streams: &[Self], db: &PgPool) -> Result<(), StoreError> {
        let names: Vec<String> = streams.iter().map(|s| s.name.to_owned()).collect();
        outbox::set_streams(db, &names).await
    }

    /// Sends what is due, until nothing is or the stream does not take it. Any server may do it at any
    /// time.
    ///
    /// # Errors
    /// The database.
    pub async fn deliver(
        &self,
        db: &PgPool,
        outbound: &Outbound,
        clock: &Clock,
    ) -> Result<(), StoreError> {
        let Self { name, sink } = self;
        loop {
            let now = clock.now();
            let due = outbox::take(db, name, now, now + LEASE, BATCH).await?;
            if due.is_empty() {
                return Ok(());
            }
            let ids: Vec<Uuid> = due.iter().map(|record| record.id).collect();
            // What was dropped with its month while a stream was away has no bytes any more.
            let records: Vec<Due> = due.into_iter().filter(|r| !r.body.is_empty()).collect();
            let tries = records.iter().map(|record| record.tries).max();
            let taken = match tries {
                None => Ok(()),
                Some(_) => send(sink, &records, outbound, clock.now()).await,
            };
            let result = if taken.is_ok() { "sent" } else { "failed" };
            metrics::counter!(
                "numbercloak_stream_records_total", "stream" => *name, "result" => result
            )
            .increment(u64::try_from(ids.len()).unwrap_or_default());
            match taken {
                Ok(()) => outbox::sent(db, name, &ids).await?,
                Err(error) => {
                    let tries = usize::try_from(tries.unwrap_or(1)).unwrap_or(1);
                    let wait = WAITS[tries.clamp(1, WAITS.len()) - 1];
                    tracing::warn!(stream = name, %error, "records were not taken; they will be sent again");
                    outbox::again(db, name, &ids, clock.now() + wait).await?;
                    return Ok(());
                }
            }
        }
    }
}

async fn send(
    sink: &Sink,
    records: &[Due],
    outbound: &Outbound,
    now: Time,
) -> Result<(), NotTaken> {
    match sink {
        Sink::Stdout => {
            let mut out = std::io::stdout().lock();
            out.write_all(&lines(records))?;
            Ok(out.flush()?)
        }
        Sink::Syslog { to, host } => {
            let sending = syslog(*to, host, records);
            tokio::time::timeout(LIMITS.total, sending)
                .await
                .map_err(|_| NotTaken::Late)?
        }
        Sink::Webhook { url, secret } => webhook(url, secret, records, outbound, now).await,
        Sink::Otlp { url, authorization } => {
            collector(url, authorization.as_ref(), records, outbound).await
        }
    }
}

fn lines(records: &[Due]) -> Vec<u8> {
    let mut text = Vec::new();
    for record in records {
        text.extend_from_slice(&record.body);
        text.push(b'\n');
    }
    text
}

/// One POST to a collector's logs endpoint.
async fn collector(
    url: &str,
    authorization: Option<&Redacted>,
    records: &[Due],
    outbound: &Outbound,
) -> Result<(), NotTaken> {
    let mut request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization.reveal());
    }
    let request = request
        .body(otlp::request(records))
        .map_err(|_| NotTaken::Call("the URL or the authorization cannot be sent".to_owned()))?;
    let answer = accepted(outbound, request).await?;
    let rejected = otlp::rejected(&answer);
    if rejected > 0 {
        tracing::warn!(
            rejected,
            "the collector threw records away; it says not to send them again"
        );
    }
    Ok(())
}

/// Sends it; the body of the answer if that is a success.
async fn accepted(outbound: &Outbound, request: Request<Vec<u8>>) -> Result<Vec<u8>, NotTaken> {
    match outbound.send(request, LIMITS).await {
        Ok(answer) if answer.status().is_success() => Ok(answer.into_body()),
        Ok(answer) => Err(NotTaken::Call(format!(
            "it answered {}",
            answer.status().as_u16()
        ))),
        Err(error) => Err(NotTaken::Call(error.to_string())),
    }
}

/// One POST with a record a line. The signature covers the time too, so that a body that is played
/// again later shows.
async fn webhook(
    url: &str,
    secret: &Redacted,
    records: &[Due],
    outbound: &Outbound,
    now: Time,
) -> Result<(), NotTaken> {
    let body = lines(records);
    let signature = signature(secret, now.timestamp(), &body);
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/x-ndjson")
        .header("numbercloak-signature", signature)
        .body(body)
        .map_err(|_| NotTaken::Call("the URL is no address".to_owned()))?;
    accepted(outbound, request).await?;
    Ok(())
}

/// `t=<seconds>,v1=<hex of HMAC-SHA-256(secret, "<seconds>.<body>")>`.
fn signature(secret: &Redacted, at: i64, body: &[u8]) -> String {
    use std::fmt::Write as _;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{at}.").as_bytes());
    context.update(body);
    let mut text = format!("t={at},v1=");
    for byte in context.sign().as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

async fn syslog(to: SyslogTo, host: &str, records: &[Due]) -> Result<(), NotTaken> {
    let messages = records.iter().map(|record| message(host, record));
    match to {
        SyslogTo::Tcp(address) => {
            let mut stream = TcpStream::connect(address).await?;
            for message in messages {
                // Octet counting (RFC 6587 section 3.4.1): nothing in a record ends it early.
                stream
                    .write_all(format!("{} ", message.len()).as_bytes())
                    .await?;
                stream.write_all(&message).await?;
            }
            stream.shutdown().await?;
        }
        SyslogTo::Udp(address) => {
            let own: SocketAddr = match address {
                SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
                SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(own).await?;
            for message in messages {
                socket.send_to(&message, address).await?;
            }
        }
    }
    Ok(())
}

/// RFC 5424 section 6: the message's id is the event's word, its text the record.
fn message(host: &str, record: &Due) -> Vec<u8> {
    let body: serde_json::Value = serde_json::from_slice(&record.body).unwrap_or_default();
    let word = |field: &str| body[field].as_str().unwrap_or("-").to_owned();
    let kind = word("type");
    let severity = if kind == "ALERT" { WARNING } else { INFO };
    // A message's id has at most 32 characters.
    let id: String = kind.chars().take(32).collect();
    let mut message =
        format!("<{severity}>1 {} {host} numbercloak - {id} - ", word("at")).into_bytes();
    message.extend_from_slice(&record.body);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(body: &str) -> Due {
        Due {
            id: Uuid::nil(),
            body: body.as_bytes().to_vec(),
            tries: 1,
        }
    }

    #[test]
    fn a_syslog_message_is_as_rfc_5424_wants_it() {
        let body = r#"{"v":1,"at":"2026-11-22T07:00:00Z","type":"LOGIN"}"#;
        let text = String::from_utf8(message("id-1", &due(body))).unwrap();
        let head = "<110>1 2026-11-22T07:00:00Z id-1 numbercloak - LOGIN - ";
        assert_eq!(text, format!("{head}{body}"));
        let alert = message("id-1", &due(r#"{"type":"ALERT"}"#));
        assert!(alert.starts_with(b"<108>1 - id-1 numbercloak - ALERT - "));
    }

    #[test]
    fn the_signature_is_the_one_anybody_can_make() {
        // printf '1700000000.{}\n' | openssl dgst -sha256 -hmac key
        assert_eq!(
            signature(&Redacted::new("key"), 1_700_000_000, b"{}\n"),
            "t=1700000000,v1=e7b2db2a9191d08b7d95e17269f78ba083729e7bd3bf9be2b82d2f8cd93c86ef"
        );
    }
}
