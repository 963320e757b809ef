//! A peer for tests of channels over HTTP: answers what it is told to, one answer per request, and keeps what it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// The peer. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Peer {
    /// Serves these answers in their order, the last of them for ever. Returns the peer and its address.
    pub async fn serve(answers: &[(u16, &str)]) -> (Peer, String) {
        let peer = Peer::default();
        peer.answers
            .lock()
            .unwrap()
            .extend(answers.iter().map(|(status, body)| (*status, (*body).to_owned())));
        let router = Router::new().fallback(answer).with_state(peer.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "a test's server ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (peer, url)
    }

    /// What came in so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn answer(State(peer): State<Peer>, method: Method, headers: HeaderMap, body: Bytes) -> Response {
    peer.received.lock().unwrap().push(Received { method, headers, body: body.to_vec() });
    let mut answers = peer.answers.lock().unwrap();
    let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
    let (status, body) = next.unwrap_or((200, "ok".to_owned()));
    let location = [("location", "/elsewhere")];
    (StatusCode::from_u16(status).unwrap(), location, body).into_response()
}
