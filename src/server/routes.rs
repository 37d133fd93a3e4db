//! All public routes, and what every request passes through, outermost first: security headers,
//! panics become answers, metrics, load shedding, limits of size and time.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower_http::catch_panic::CatchPanicLayer;

use crate::ledger::Ledger;
use crate::secret::{b64, random};
use crate::server::bounds::{self, Bounds, Reader};
use crate::server::checkpoint;
use crate::web::app::App;
use crate::web::assets;
use crate::web::brand;
use crate::web::browser::Browser;
use crate::web::failure::{self, Failure};
use crate::web::headers::{self, PageClass};
use crate::web::page::{Frame, render};
use crate::web::plain::{ErrorPage, Home, Problem};
use crate::{api, console, login, provider};

/// The public router.
pub fn router(app: &App, ledger: &Arc<Ledger>) -> Router {
    let limits = &app.config.limits;
    let within = |reader| from_fn_with_state(Bounds::new(limits, reader), bounds::hold);
    let pages = Router::new()
        .merge(login::routes())
        .merge(provider::pages())
        .merge(console::routes())
        .merge(assets::static_files())
        .merge(brand::routes())
        .route("/", get(home))
        .fallback(not_found)
        .layer(within(Reader::Person))
        .layer(from_fn_with_state(app.clone(), failure::in_their_language));
    app.inward.set(provider::routes());
    // The first one stays: they are all the same.
    app.api_document.get_or_init(api::document);
    let programs = provider::routes()
        .merge(checkpoint::routes(ledger))
        .layer(within(Reader::Program));
    let api = api::router(app).layer(within(Reader::Admin));
    passing(app, Router::new().merge(programs).merge(api).merge(pages))
}

/// The router of the listener for mutual TLS: what apps' servers call, and no page.
pub fn for_programs(app: &App) -> Router {
    let bounds = Bounds::new(&app.config.limits, Reader::Program);
    let programs = provider::routes().layer(from_fn_with_state(bounds, bounds::hold));
    passing(app, programs)
}

/// Routes with all that their requests pass through.
fn passing(app: &App, routes: Router<App>) -> Router {
    let shed = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |_| busy()))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(
            app.config.limits.requests_in_flight,
        ));
    routes
        // Ours is the one that counts.
        .layer(DefaultBodyLimit::disable())
        .layer(shed)
        .layer(from_fn(measure))
        .layer(CatchPanicLayer::custom(|_| {
            Failure::internal("a handler panicked").into_response()
        }))
        .layer(from_fn_with_state(
            app.config.issuer.is_https(),
            headers::stamp,
        ))
        .with_state(app.clone())
}

async fn home(State(app): State<App>, browser: Browser) -> Response {
    let frame = Frame {
        here: Some("/".to_owned()),
        ..Frame::branded(&app.config.branding, browser.language(None))
    };
    render(StatusCode::OK, PageClass::Journey, &Home { frame })
}

async fn not_found(State(app): State<App>, browser: Browser) -> Response {
    let page = ErrorPage {
        frame: Frame::branded(&app.config.branding, browser.language(None)),
        problem: Problem::NotFound,
    };
    render(StatusCode::NOT_FOUND, PageClass::Journey, &page)
}

fn busy() -> Response {
    metrics::counter!("numbercloak_requests_shed_total").increment(1);
    let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Counts and times every request under its route, and gives its log lines one correlation id.
/// Neither ever sees a query string: the route is the pattern, not the path.
async fn measure(request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", |path| path.as_str())
        .to_owned();
    let method = request.method().clone();
    let id = b64(&random::<9>());
    let span = tracing::info_span!("request", %id, %method, route);
    let started = Instant::now();
    let response = tracing::Instrument::instrument(next.run(request), span).await;
    let status = response.status().as_u16();
    let took = started.elapsed();
    metrics::histogram!("numbercloak_request_seconds", "route" => route.clone())
        .record(took.as_secs_f64());
    metrics::counter!(
        "numbercloak_requests_total",
        "route" => route.clone(), "status" => status.to_string()
    )
    .increment(1);
    tracing::debug!(%id, %method, route, status, ms = took.as_millis(), "answered");
    response
}
