//! `GET /login/{id}/events`, `/status`: how the hand-off stands, for the desktop's script. One word, and
//! it says nothing that the page does not: events as they happen (server-sent events), or asked for
//! again and again where those do not get through.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use hyper::body::Frame;
use serde_json::json;
use tokio::sync::mpsc;

use crate::login::entry::{enter, enter_on_phone};
use crate::store::logins::{self, Login, Stage};
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// How often the row is looked at.
const LOOK: Duration = Duration::from_millis(1000);
/// Proxies close what is silent for longer.
const KEEP_ALIVE: u32 = 15;
/// Then the browser asks anew, at another server if this one is stopping.
const LONGEST: u32 = 25;
/// Streams of one server; more are told to ask instead.
const MOST: usize = 1000;

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Where the desktop stands, in one word.
pub fn state(login: &Login) -> &'static str {
    match login.stage {
        Stage::Open if login.phone_hash.is_none() => "waiting",
        Stage::Open => "opened",
        Stage::Away | Stage::Checking => "checking",
        Stage::Problem => "problem",
        Stage::Confirm => "digits",
        Stage::Ended => "over",
    }
}

/// The word, once.
pub async fn status(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let entry = match enter(&app, &browser, &id).await {
        Ok(entry) => entry,
        Err(_) => return Ok(StatusCode::NOT_FOUND.into_response()),
    };
    let now = over_or(&entry.login, &app);
    Ok(axum::Json(json!({ "state": now })).into_response())
}

/// The same for the phone that shows the digits.
pub async fn on_phone(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let entry = match enter_on_phone(&app, &browser, &id).await {
        Ok(entry) => entry,
        Err(_) => return Ok(StatusCode::NOT_FOUND.into_response()),
    };
    let now = over_or(&entry.login, &app);
    Ok(axum::Json(json!({ "state": now })).into_response())
}

fn over_or(login: &Login, app: &App) -> &'static str {
    if app.clock.now() >= login.expires_at {
        "over"
    } else {
        state(login)
    }
}

/// The words as they change.
pub async fn events(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let entry = match enter(&app, &browser, &id).await {
        Ok(entry) => entry,
        Err(_) => return Ok(StatusCode::NOT_FOUND.into_response()),
    };
    let Some(seat) = Seat::take() else {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    };
    let (send, receive) = mpsc::channel(4);
    tokio::spawn(tell(app, entry.login, send, seat));
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // nginx would keep the words until there are more of them.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::new(Stream(receive))).into_response())
}

/// Writes into the stream until the browser hangs up, the login is over, or it was long enough.
async fn tell(app: App, mut login: Login, send: mpsc::Sender<Bytes>, seat: Seat) {
    let mut told = "";
    for look in 0..LONGEST {
        let now = over_or(&login, &app);
        let text = if now != told {
            told = now;
            // An id, so that the browser's next request says what it has heard.
            format!(
                "id: {}\nevent: state\ndata: {now}\nretry: 1000\n\n",
                login_age(&app, &login)
            )
        } else if look % KEEP_ALIVE == KEEP_ALIVE - 1 {
            ": still here\n\n".to_owned()
        } else {
            String::new()
        };
        if !text.is_empty() && send.send(Bytes::from(text)).await.is_err() {
            break;
        }
        if now == "over" {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = send.closed() => break,
        }
        match logins::find(app.db.relaxed_steps(), &app.vault, login.id).await {
            Ok(Some(found)) => login = found,
            Ok(None) | Err(_) => break,
        }
    }
    drop(seat);
}

fn login_age(app: &App, login: &Login) -> i64 {
    let age = app.clock.now().signed_duration_since(login.opened_at);
    age.num_milliseconds()
}

/// One of the streams that a server may have open.
struct Seat;

impl Seat {
    fn take() -> Option<Self> {
        let seat = OPEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
            (open < MOST).then_some(open + 1)
        });
        seat.ok().map(|_| Self)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that is written while it is read.
struct Stream(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = self.0.poll_recv(context);
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
