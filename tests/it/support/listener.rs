//! An app's server: takes what is sent to it, keeps it, and answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// One request that came.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its path and query.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

#[derive(Default)]
struct Shared {
    sent: Mutex<Vec<Sent>>,
    answers: Mutex<VecDeque<StatusCode>>,
    came: Notify,
}

/// A listening server.
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Listener {
    /// Starts it. It answers 200 unless told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(take).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shared }
    }

    /// An address of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it answers to the next requests, one each.
    pub fn answers(&self, statuses: impl IntoIterator<Item = StatusCode>) {
        self.shared.answers.lock().unwrap().extend(statuses);
    }

    /// Waits until so many requests have come, and returns them all.
    pub async fn got(&self, count: usize) -> Vec<Sent> {
        loop {
            let came = self.shared.came.notified();
            let sent = self.shared.sent.lock().unwrap().clone();
            if sent.len() >= count {
                return sent;
            }
            came.await;
        }
    }

    /// What has come so far.
    pub fn so_far(&self) -> usize {
        self.shared.sent.lock().unwrap().len()
    }
}

async fn take(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    shared
        .sent
        .lock()
        .unwrap()
        .push(Sent { uri, headers, body });
    shared.came.notify_one();
    shared
        .answers
        .lock()
        .unwrap()
        .pop_front()
        .unwrap_or(StatusCode::OK)
}
