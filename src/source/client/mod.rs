//! The one polite HTTP client. Every byte that gehoord sends or receives over HTTP passes here.
//!
//! `request` is what is asked and answered, `address` where that may lead, `body` how much is read, `turns` how often.
//! Together they own: deadlines, body and decompression caps, rate limits per origin, `Retry-After`, redirects (off unless asked for),
//! address checks, redaction, and the translation of every outcome into a [`Failure`].
//!
//! Hosts that the operator named in the configuration may be private. Addresses that come from *content* (a redirect, a
//! link in a feed) never: they are resolved by us, checked, and pinned for the connection, so that a second answer of the
//! name server cannot lead elsewhere.

mod address;
mod body;
mod request;
mod turns;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::Quota;
use reqwest::{Url, header};

pub use address::is_public;
pub use body::{BODY_BYTES_MAX, WIRE_BYTES_MAX};
pub use request::{Request, Response, text_of};

use crate::failure::{Failure, FailureKind};
use address::{public_addresses, redirect_target};
use body::read_body;
use turns::Turns;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const HEADERS_TIMEOUT: Duration = Duration::from_secs(15);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);
const REDIRECTS_MAX: usize = 3;
const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
const BURST: NonZeroU32 = NonZeroU32::new(20).expect("twenty is not zero");

/// The client. Cheap to clone; clones share limits and connections.
#[derive(Clone, Debug)]
pub struct Client {
    named: reqwest::Client,
    turns: Arc<Turns>,
    user_agent: String,
}

impl Client {
    /// Builds the client. Needs the TLS provider of [`crate::install_tls`].
    ///
    /// # Errors
    /// When the machine has no usable TLS roots.
    pub fn new() -> anyhow::Result<Client> {
        Self::with_quota(Quota::per_second(REQUESTS_PER_SECOND).allow_burst(BURST))
    }

    /// Builds a client that asks a peer up to `requests_per_second` times a second: for a peer inside this process, as the
    /// demo and tests have one. Every other limit stays.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_rate(requests_per_second: NonZeroU32) -> anyhow::Result<Client> {
        Self::with_quota(Quota::per_second(requests_per_second))
    }

    fn with_quota(quota: Quota) -> anyhow::Result<Client> {
        crate::install_tls();
        let user_agent = format!("gehoord/{} (customer care listener)", env!("CARGO_PKG_VERSION"));
        Ok(Client { named: builder(&user_agent).build()?, turns: Arc::new(Turns::new(quota)), user_agent })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// Every status of 400 and above that the request does not accept, every broken, late, oversized or undecodable answer, and every address that we
    /// refuse. The message names the origin only: no path, no query, no header.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        let origin = request.origin();
        let answer = tokio::time::timeout(TOTAL_TIMEOUT, self.send_following(request)).await;
        answer.unwrap_or_else(|_| {
            Err(Failure::new(FailureKind::TimedOut, format!("{origin} took longer than a minute")))
        })
    }

    async fn send_following(&self, mut request: Request) -> Result<Response, Failure> {
        let named_host = request.url.host_str().map(str::to_owned);
        let mut moved_for_good = true;
        for hop in 0..=REDIRECTS_MAX {
            let from_content =
                request.from_content || (hop > 0 && request.url.host_str().map(str::to_owned) != named_host);
            let client = if from_content { self.pinned(&request.url).await? } else { self.named.clone() };
            let mut response = self.send_once(&client, &request).await?;
            let Some(next) = redirect_target(&response, &request)? else {
                response.moved_for_good = hop > 0 && moved_for_good;
                return Ok(response);
            };
            moved_for_good &= matches!(response.status, 301 | 308);
            if next.host_str() != request.url.host_str() {
                request.forget_secrets();
            }
            request.url = next;
        }
        Err(Failure::new(
            FailureKind::Blocked,
            format!("{} redirects more than {REDIRECTS_MAX} times", request.origin()),
        ))
    }

    async fn send_once(&self, client: &reqwest::Client, request: &Request) -> Result<Response, Failure> {
        let origin = request.origin();
        self.turns.wait(&origin).await?;
        let mut outgoing = client
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .header(header::ACCEPT_ENCODING, "gzip");
        if let Some(body) = &request.body {
            outgoing = outgoing.body(body.clone());
        }
        #[expect(clippy::disallowed_methods, reason = "this is the client that everybody else must use")]
        let sending = outgoing.send();
        let answer = tokio::time::timeout(HEADERS_TIMEOUT, sending)
            .await
            .map_err(|_| Failure::new(FailureKind::TimedOut, format!("{origin} did not begin to answer")))?
            .map_err(|error| transport_failure(&origin, &error))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        if !request.accepts(status) {
            return Err(self.turns.refused(&origin, status, &headers));
        }
        let body = read_body(answer, &origin).await?;
        Ok(Response { status, headers, body, url: request.url.clone(), moved_for_good: false })
    }

    /// Forgets peers that were not asked for a while; call it now and then.
    pub fn forget_idle(&self) {
        self.turns.forget_idle();
    }

    /// A client for one address from content: resolved by us, checked, and pinned.
    async fn pinned(&self, url: &Url) -> Result<reqwest::Client, Failure> {
        let addresses = public_addresses(url).await?;
        builder(&self.user_agent)
            .resolve_to_addrs(url.host_str().unwrap_or_default(), &addresses)
            .build()
            .map_err(|_| Failure::new(FailureKind::Internal, "the HTTP client cannot be built"))
    }
}

fn builder(user_agent: &str) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(user_agent)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(Duration::from_secs(60))
        .tcp_nodelay(true)
}

fn transport_failure(origin: &str, error: &reqwest::Error) -> Failure {
    let certificate = std::iter::successors(std::error::Error::source(error), |cause| cause.source())
        .any(|cause| cause.to_string().to_ascii_lowercase().contains("certificate"));
    let (kind, what) = if certificate {
        (FailureKind::TlsRefused, "has a certificate that is not trusted")
    } else if error.is_timeout() {
        (FailureKind::TimedOut, "did not answer in time")
    } else if error.is_connect() {
        (FailureKind::Unreachable, "cannot be reached")
    } else if error.is_body() || error.is_decode() {
        (FailureKind::UnknownOutcome, "broke off in the middle of its answer")
    } else {
        (FailureKind::UnknownOutcome, "closed the connection without an answer")
    };
    Failure::new(kind, format!("{origin} {what}"))
}
