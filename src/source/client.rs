//! The one polite HTTP client. Every byte that gehoord sends or receives over HTTP passes here.
//!
//! It owns: deadlines, body and decompression caps, per-host rate limits, `Retry-After`, redirects (off unless asked for),
//! address checks, redaction, and the translation of every outcome into a [`Failure`].
//!
//! Hosts that the operator named in the configuration may be private. Addresses that come from *content* (a redirect, a
//! link in a feed) never: they are resolved by us, checked, and pinned for the connection, so that a second answer of the
//! name server cannot lead elsewhere.

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use tokio::time::Instant;

use crate::failure::{Failure, FailureKind};

/// Bytes on the wire that are read of one answer.
pub const WIRE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes after decompression that are kept of one answer.
pub const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Beyond the first mebibyte an answer may not unfold to more than this many times its size on the wire.
const UNFOLD_RATIO_MAX: usize = 100;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const HEADERS_TIMEOUT: Duration = Duration::from_secs(15);
const SILENCE_TIMEOUT: Duration = Duration::from_secs(10);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);
const REDIRECTS_MAX: usize = 3;
const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
const BURST: NonZeroU32 = NonZeroU32::new(20).expect("twenty is not zero");
/// How long a host without an own statement is left alone after HTTP 429.
const RATE_LIMIT_WAIT: Duration = Duration::from_secs(60);

/// The client. Cheap to clone; clones share limits and connections.
#[derive(Clone, Debug)]
pub struct Client {
    named: reqwest::Client,
    limiter: Arc<DefaultKeyedRateLimiter<String>>,
    not_before: Arc<Mutex<HashMap<String, Instant>>>,
    user_agent: String,
}

/// A request to a host that the operator named.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    follow_redirects: bool,
    any_status: bool,
    accepted: &'static [u16],
    from_content: bool,
}

/// A complete answer: with a status below 400, with one that the request accepts, or with any status from
/// [`Client::send_any`].
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
            any_status: false,
            accepted: &[],
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
        self.accepted = statuses;
        self
    }

    /// Marks the address as one that content led us to, for instance a redirect that was remembered: it is checked and
    /// pinned like a redirect.
    pub fn from_content(mut self) -> Request {
        self.from_content = true;
        self
    }

    /// Takes out whatever was meant for the host it was first sent to.
    fn forget_secrets(&mut self) {
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
    fn origin(&self) -> String {
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

impl Client {
    /// Builds the client. Needs the TLS provider of [`crate::install_tls`].
    ///
    /// # Errors
    /// When the machine has no usable TLS roots.
    pub fn new() -> anyhow::Result<Client> {
        Self::with_quota(Quota::per_second(REQUESTS_PER_SECOND).allow_burst(BURST))
    }

    /// Builds a client that asks a host up to `requests_per_second` times a second: for a peer inside this process, as the
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
        Ok(Client {
            named: builder(&user_agent).build()?,
            limiter: Arc::new(RateLimiter::keyed(quota)),
            not_before: Arc::default(),
            user_agent,
        })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// Every status of 400 and above, every broken, late, oversized or undecodable answer, and every address that we
    /// refuse. The message names the origin only: no path, no query, no header.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        let origin = request.origin();
        let answer = tokio::time::timeout(TOTAL_TIMEOUT, self.send_following(request)).await;
        answer.unwrap_or_else(|_| {
            Err(Failure::new(FailureKind::TimedOut, format!("{origin} took longer than a minute")))
        })
    }

    /// Sends a request and reads the whole answer whatever its status, for interfaces that explain a refusal in its body.
    ///
    /// # Errors
    /// Like [`Client::send`], except that of the refusing statuses only 429 is a failure.
    pub async fn send_any(&self, mut request: Request) -> Result<Response, Failure> {
        request.any_status = true;
        self.send(request).await
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
        let host = request.url.host_str().unwrap_or_default().to_owned();
        self.wait_for_turn(&host, &request.origin()).await?;
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
            .map_err(|_| {
                Failure::new(FailureKind::TimedOut, format!("{} did not begin to answer", request.origin()))
            })?
            .map_err(|error| transport_failure(&request.origin(), &error))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let readable = request.any_status || request.accepted.contains(&status);
        if status == 429 || (status >= 400 && !readable) {
            return Err(self.refused(&host, &request.origin(), status, &headers));
        }
        let body = read_body(answer, &request.origin()).await?;
        Ok(Response { status, headers, body, url: request.url.clone(), moved_for_good: false })
    }

    /// Waits for our own rate limit; fails at once while the host has asked to be left alone.
    async fn wait_for_turn(&self, host: &str, origin: &str) -> Result<(), Failure> {
        let left_alone_until = self.not_before.lock().expect("no holder panics").get(host).copied();
        if let Some(wait) = left_alone_until.and_then(|until| until.checked_duration_since(Instant::now())) {
            return Err(Failure::new(
                FailureKind::RateLimited,
                format!("{origin} asked to be left alone for a while"),
            )
            .after(Some(wait)));
        }
        self.limiter.until_key_ready(&host.to_owned()).await;
        Ok(())
    }

    fn refused(&self, host: &str, origin: &str, status: u16, headers: &HeaderMap) -> Failure {
        let kind = FailureKind::of_http_status(status);
        let mut wait = retry_after(headers);
        if kind == FailureKind::RateLimited {
            let hint = wait.unwrap_or(RATE_LIMIT_WAIT).min(crate::retry::HINT_MAX);
            self.not_before.lock().expect("no holder panics").insert(host.to_owned(), Instant::now() + hint);
            wait = Some(hint);
        }
        Failure::new(kind, format!("{origin} answered HTTP {status}")).after(wait)
    }

    /// Forgets hosts that were not asked for a while; call it now and then.
    pub fn forget_idle_hosts(&self) {
        self.limiter.retain_recent();
        self.not_before.lock().expect("no holder panics").retain(|_, until| *until > Instant::now());
    }

    /// A client for one address from content: resolved by us, checked, and pinned.
    async fn pinned(&self, url: &Url) -> Result<reqwest::Client, Failure> {
        let blocked =
            |why: &str| Failure::new(FailureKind::Blocked, format!("refusing to follow a link to {why}"));
        let host = url.host().ok_or_else(|| blocked("an address without a host"))?;
        let port = url.port_or_known_default().ok_or_else(|| blocked("an unknown port"))?;
        if !matches!(port, 80 | 443) {
            return Err(blocked("an unusual port"));
        }
        let addresses: Vec<SocketAddr> = match host {
            url::Host::Ipv4(ip) => vec![SocketAddr::new(IpAddr::V4(ip), port)],
            url::Host::Ipv6(ip) => vec![SocketAddr::new(IpAddr::V6(ip), port)],
            url::Host::Domain(name) => tokio::net::lookup_host((name, port))
                .await
                .map_err(|_| Failure::new(FailureKind::Unreachable, "a link's host name does not resolve"))?
                .collect(),
        };
        if addresses.is_empty() || !addresses.iter().all(|address| is_public(address.ip())) {
            return Err(blocked("an address that is not public"));
        }
        let host = url.host_str().unwrap_or_default();
        builder(&self.user_agent)
            .resolve_to_addrs(host, &addresses)
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

/// Where a redirect leads, or `None` when the answer is no redirect. Without leave to follow, a redirect is a failure.
fn redirect_target(response: &Response, request: &Request) -> Result<Option<Url>, Failure> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let blocked =
        |why: &str| Failure::new(FailureKind::Blocked, format!("{} redirects {why}", request.origin()));
    if !request.follow_redirects {
        return Err(blocked("although this interface should not"));
    }
    let target = response
        .header("location")
        .and_then(|location| request.url.join(location).ok())
        .ok_or_else(|| blocked("to nowhere"))?;
    let weaker = request.url.scheme() == "https" && target.scheme() != "https";
    if weaker || !matches!(target.scheme(), "http" | "https") || !target.username().is_empty() {
        return Err(blocked("to a scheme that is not followed"));
    }
    let ports = (request.url.port_or_known_default(), target.port_or_known_default());
    // From http to https on their usual ports is what nearly every site does.
    let is_upgrade = target.scheme() == "https" && ports == (Some(80), Some(443));
    if target.host_str() == request.url.host_str() && ports.0 != ports.1 && !is_upgrade {
        return Err(blocked("to another port"));
    }
    Ok(Some(target))
}

async fn read_body(answer: reqwest::Response, origin: &str) -> Result<Vec<u8>, Failure> {
    let too_large = |what: &str| Failure::new(FailureKind::TooLarge, format!("{origin} sent {what}"));
    let declared = answer.content_length().unwrap_or(0);
    if declared > WIRE_BYTES_MAX as u64 {
        return Err(too_large("more than 8 MiB"));
    }
    let encoding = answer.headers().get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let mut unfolding = Unfolding::for_encoding(encoding.unwrap_or("identity"), origin)?;
    let mut wire_bytes = 0;
    let mut chunks = answer.bytes_stream();
    loop {
        let chunk = tokio::time::timeout(SILENCE_TIMEOUT, chunks.next()).await.map_err(|_| {
            Failure::new(FailureKind::TimedOut, format!("{origin} fell silent in the middle of its answer"))
        })?;
        let Some(chunk) = chunk else { break };
        let chunk = chunk.map_err(|error| transport_failure(origin, &error))?;
        wire_bytes += chunk.len();
        if wire_bytes > WIRE_BYTES_MAX {
            return Err(too_large("more than 8 MiB"));
        }
        unfolding.push(&chunk, wire_bytes).map_err(|error| match error {
            UnfoldError::TooLarge => too_large("a body that unfolds beyond its limit"),
            UnfoldError::Broken => Failure::malformed(format!("{origin} sent a broken gzip body")),
        })?;
    }
    unfolding.finish().map_err(|_| Failure::malformed(format!("{origin} sent a gzip body without its end")))
}

/// A body while it arrives. Decompression is ours, so that a bomb is cut while it unfolds instead of afterwards.
enum Unfolding {
    Plain(Vec<u8>),
    Gzip(Box<flate2::write::GzDecoder<Capped>>),
}

enum UnfoldError {
    TooLarge,
    Broken,
}

impl Unfolding {
    fn for_encoding(encoding: &str, origin: &str) -> Result<Unfolding, Failure> {
        match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Unfolding::Plain(Vec::new())),
            "gzip" | "x-gzip" => {
                Ok(Unfolding::Gzip(Box::new(flate2::write::GzDecoder::new(Capped::default()))))
            }
            _ => Err(Failure::malformed(format!("{origin} used a content encoding that was not asked for"))),
        }
    }

    fn push(&mut self, chunk: &[u8], wire_bytes: usize) -> Result<(), UnfoldError> {
        match self {
            Unfolding::Plain(body) => {
                body.extend_from_slice(chunk);
                Ok(())
            }
            Unfolding::Gzip(decoder) => {
                decoder.get_mut().bytes_max =
                    BODY_BYTES_MAX.min((wire_bytes * UNFOLD_RATIO_MAX).max(1024 * 1024));
                let written = decoder.write_all(chunk);
                match written {
                    Ok(()) => Ok(()),
                    Err(_) if decoder.get_ref().overflowed => Err(UnfoldError::TooLarge),
                    Err(_) => Err(UnfoldError::Broken),
                }
            }
        }
    }

    fn finish(self) -> std::io::Result<Vec<u8>> {
        match self {
            Unfolding::Plain(body) => Ok(body),
            Unfolding::Gzip(decoder) => Ok(decoder.finish()?.body),
        }
    }
}

#[derive(Default)]
struct Capped {
    body: Vec<u8>,
    bytes_max: usize,
    overflowed: bool,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.body.len() + bytes.len() > self.bytes_max {
            self.overflowed = true;
            return Err(std::io::Error::other("too large"));
        }
        self.body.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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

/// How long an answer asks us to wait: `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), else the reset headers
/// of the networks we know. Nonsense is no hint.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    #[expect(
        clippy::disallowed_methods,
        reason = "a date in a header is compared with the present moment here and nowhere else"
    )]
    let now = Timestamp::now();
    let until = |at: Timestamp| Duration::from_secs((at.as_second() - now.as_second()).max(0) as u64);
    if let Some(value) = text("retry-after") {
        if let Ok(seconds) = value.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        return jiff::fmt::rfc2822::parse(value).ok().map(|date| until(date.timestamp()));
    }
    let reset = text("x-ratelimit-reset")
        .or_else(|| text("x-rate-limit-reset"))
        .or_else(|| text("ratelimit-reset"))?;
    if let Ok(at) = reset.parse::<Timestamp>() {
        return Some(until(at));
    }
    match reset.parse::<f64>().ok()? {
        // Small numbers are seconds from now, large ones seconds since the epoch.
        seconds if (0.0..1e8).contains(&seconds) => Some(Duration::from_secs_f64(seconds)),
        epoch if (1e8..1e11).contains(&epoch) => Timestamp::from_second(epoch as i64).ok().map(until),
        _ => None,
    }
}

/// Whether content may lead us to this address: globally reachable unicast only.
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let global_unicast = (segments[0] & 0xe000) == 0x2000;
    let special = segments[0] == 0x2002 // 6to4 carries any IPv4 address
        || (segments[0] == 0x2001 && segments[1] < 0x0200) // Teredo, ORCHID, benchmarking
        || (segments[0] == 0x2001 && segments[1] == 0x0db8)
        || (segments[0] == 0x3fff && segments[1] < 0x1000);
    global_unicast && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_global_unicast_addresses_are_public() {
        let refused = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:7f00:1",
            "64:ff9b::7f00:1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "3fff::1",
            "100::1",
        ];
        for address in refused {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "2a00:1450:400e::1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn odd_spellings_of_loopback_are_seen_after_parsing() {
        for host in ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "１２７.0.0.1"] {
            let url = Url::parse(&format!("http://{host}/")).unwrap();
            let Some(url::Host::Ipv4(ip)) = url.host() else { panic!("{host} is an address") };
            assert!(!is_public(IpAddr::V4(ip)), "{host}");
        }
    }

    #[test]
    fn a_redirect_may_upgrade_to_https_and_change_no_other_port() {
        for (from, to, is_followed) in [
            ("http://nieuws.example/feed", "https://nieuws.example/feed", true),
            ("http://nieuws.example/feed", "https://nieuws.example:8443/feed", false),
            ("http://nieuws.example:8080/feed", "https://nieuws.example/feed", false),
            ("http://nieuws.example/feed", "http://nieuws.example:443/feed", false),
            ("https://nieuws.example/feed", "http://nieuws.example/feed", false),
            ("https://nieuws.example/feed", "https://www.nieuws.example/feed", true),
        ] {
            let request = Request::get(from.parse().unwrap()).following_redirects();
            let response = Response {
                status: 301,
                headers: HeaderMap::from_iter([(header::LOCATION, to.parse().unwrap())]),
                body: Vec::new(),
                url: request.url.clone(),
                moved_for_good: false,
            };
            assert_eq!(redirect_target(&response, &request).is_ok(), is_followed, "{from} {to}");
        }
    }

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
    fn waiting_hints_in_every_form() {
        let hint = |name: &'static str, value: &str| {
            retry_after(&HeaderMap::from_iter([(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )]))
        };
        assert_eq!(hint("retry-after", "120"), Some(Duration::from_secs(120)));
        assert_eq!(hint("retry-after", "-5"), None);
        assert_eq!(hint("retry-after", "soon"), None);
        assert_eq!(hint("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(hint("x-ratelimit-reset", "598.5"), Some(Duration::from_secs_f64(598.5)));
        assert!(hint("x-ratelimit-reset", "2099-01-01T00:00:00.123Z").unwrap() > Duration::from_secs(86_400));
        assert!(hint("ratelimit-reset", "4000000000").unwrap() > Duration::from_secs(86_400));
    }

    #[test]
    fn text_is_read_in_the_encoding_it_announces() {
        assert_eq!(text_of(&[0xFF, 0xFE, b'a', 0, 0xE9, 0]), "aé");
        assert_eq!(text_of(b"\xEF\xBB\xBFa"), "a");
        assert_eq!(text_of(b"a\xFFb"), "a\u{FFFD}b");
    }
}
