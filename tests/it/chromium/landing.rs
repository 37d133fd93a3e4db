//! The app that browsers come back to.

use axum::Router;
use axum::http::Uri;
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::support::app::{App, Builder};

/// An app that browsers can come back to: it answers, and says nothing.
pub struct Landing {
    /// Its redirect URI.
    pub redirect_uri: String,
}

impl Landing {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let page = async |uri: Uri| {
            let path = uri.path();
            Html(format!(
                "<!doctype html><link rel=icon href=data:><title>Shop – here</title>{path}"
            ))
        };
        let routes = Router::new().fallback(get(page).post(page));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            redirect_uri: format!("http://{here}/callback"),
        }
    }

    /// A server whose app `shop` is here.
    pub fn app(&self) -> Builder {
        let uri = self.redirect_uri.clone();
        App::builder().client(move |client| {
            client.redirect_uris = vec![uri];
            client.settings.policy_uri = Some("https://shop.example/privacy".to_owned());
            client.settings.tos_uri = Some("https://shop.example/terms".to_owned());
        })
    }
}
