//! What is asked and what is answered.

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::turns::retry_after;
use crate::failure::{Failure, FailureKind};

/// A request to a host that the operator named.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    pub(super) follow_redirects: bool,
    accepted: Accepted,
    pub(super) from_content: bool,
}

/// Which statuses of 400 and above are an answer and no failure. 429 never is.
#[derive(Clone, Copy, Debug)]
enum Accepted {
    None,
    Of(&'static [u16]),
    All,
}

/// A complete answer: with a status below 400, or with one that the request accepts.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body, decompressed.
    pub body: Vec<u8>,
    /// Where the answer came from, when a redirect was followed.
    pub url: Url,
    /// The redirect that led there was a permanent one.
    pub moved_for_good: bool,
}

impl Request {
    /// A GET request.
    pub fn get(url: Url) -> Request {
        Request::new(Method::GET, url)
    }

    /// A request with any method.
    pub fn new(method: Method, url: Url) -> Request {
        Request {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            follow_redirects: false,
            accepted: Accepted::None,
            from_content: false,
        }
    }

    /// Adds a query parameter, escaped.
    pub fn query(mut self, name: &str, value: &str) -> Request {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Adds a header. A value that cannot stand in a header is left out.
    pub fn header(mut self, name: HeaderName, value: &str) -> Request {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds a header whose value is a secret: it is marked so that nothing prints it.
    pub fn secret_header(mut self, name: HeaderName, value: &str) -> Request {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self
    }

    /// Authorises with a bearer token.
    pub fn bearer(self, token: &str) -> Request {
        self.secret_header(header::AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// Authorises with a user name and password.
    pub fn basic(self, user: &str, password: &str) -> Request {
        use base64::Engine;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.secret_header(header::AUTHORIZATION, &format!("Basic {pair}"))
    }

    /// Sends a JSON body.
    pub fn json<T: serde::Serialize>(mut self, body: &T) -> Request {
        self.body = Some(serde_json::to_vec(body).expect("our own types are always JSON"));
        self.header(header::CONTENT_TYPE, "application/json")
    }

    /// Sends bytes as they are, with their type.
    pub fn body(mut self, bytes: Vec<u8>, content_type: &str) -> Request {
        self.body = Some(bytes);
        self.header(header::CONTENT_TYPE, content_type)
    }

    /// Follows at most three redirects, each checked like an address from content unless it stays on the named host.
    pub fn following_redirects(mut self) -> Request {
        self.follow_redirects = true;
        self
    }

    /// Lets these statuses of 400 and above come back as an answer, because the connector knows what they mean.
    pub fn accepting(mut self, statuses: &'static [u16]) -> Request {
        self.accepted = Accepted::Of(statuses);
        self
    }

    /// Lets every status but 429 come back as an answer, for interfaces that explain a refusal in its body.
    pub fn accepting_all(mut self) -> Request {
        self.accepted = Accepted::All;
        self
    }

    /// Whether an answer with this status is read and returned.
    pub(super) fn accepts(&self, status: u16) -> bool {
        match self.accepted {
            _ if status < 400 => true,
            _ if status == 429 => false,
            Accepted::None => false,
            Accepted::Of(statuses) => statuses.contains(&status),
            Accepted::All => true,
        }
    }

    /// Marks the address as one that content led us to, for instance a redirect that was remembered: it is checked and
    /// pinned like a redirect.
    pub fn from_content(mut self) -> Request {
        self.from_content = true;
        self
    }

    /// Takes out whatever was meant for the host it was first sent to.
    pub(super) fn forget_secrets(&mut self) {
        let secrets: Vec<HeaderName> = self
            .headers
            .iter()
            .filter(|(name, value)| {
                value.is_sensitive() || matches!(**name, header::AUTHORIZATION | header::COOKIE)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in secrets {
            self.headers.remove(name);
        }
    }

    /// Where it goes, without path and query, which may hold secrets.
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

impl Response {
    /// The body as text: UTF-8, or UTF-16 with a byte order mark; what fits neither becomes U+FFFD.
    pub fn text(&self) -> String {
        text_of(&self.body)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What [`Client::send`] would have said of this answer by its status alone, waiting hint included.
    pub fn status_failure(&self) -> Failure {
        let origin = self.url.origin().ascii_serialization();
        Failure::new(
            FailureKind::of_http_status(self.status),
            format!("{origin} answered HTTP {}", self.status),
        )
        .after(retry_after(&self.headers))
    }
}

/// Bytes as text: UTF-8, or UTF-16 with a byte order mark; what fits neither becomes U+FFFD.
pub fn text_of(bytes: &[u8]) -> String {
    let utf16 = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xFF, 0xFE, ..] => utf16(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => utf16(u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_secret_stays_with_its_host() {
        let mut request = Request::get("https://a.example/".parse().unwrap())
            .bearer("x")
            .secret_header(HeaderName::from_static("apikey"), "x")
            .header(header::COOKIE, "x")
            .header(header::ACCEPT, "text/xml");
        request.forget_secrets();
        assert_eq!(request.headers.keys().collect::<Vec<_>>(), [header::ACCEPT]);
    }

    #[test]
    fn text_is_read_in_the_encoding_it_announces() {
        assert_eq!(text_of(&[0xFF, 0xFE, b'a', 0, 0xE9, 0]), "aé");
        assert_eq!(text_of(b"\xEF\xBB\xBFa"), "a");
        assert_eq!(text_of(b"a\xFFb"), "a\u{FFFD}b");
    }

    #[test]
    fn what_a_connector_does_not_expect_is_a_failure_and_429_always_is() {
        let get = || Request::get("https://a.example/".parse().unwrap());
        for (request, accepted) in [
            (get(), [true, false, false, false]),
            (get().accepting(&[404, 429]), [true, true, false, false]),
            (get().accepting_all(), [true, true, false, true]),
        ] {
            assert_eq!([302, 404, 429, 503].map(|status| request.accepts(status)), accepted);
        }
    }
}
