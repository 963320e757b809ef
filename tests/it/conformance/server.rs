//! A server that answers exactly what a test says, down to the bytes and the pauses between them.
//!
//! Real servers cannot send a wrong length, half a chunk or nothing at all; this one speaks HTTP/1.1 over plain TCP by
//! hand. One request per connection. It ends with the test's runtime.

use std::io::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Recorded {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// One thing that happens on the connection.
#[derive(Clone, Debug)]
pub enum Step {
    Bytes(Vec<u8>),
    /// These bytes again and again, until the peer hangs up or this many bytes were sent.
    Repeat(Vec<u8>, u64),
    Pause(Duration),
    /// Nothing more, with the connection open.
    Stall,
    /// The connection is cut hard (RST).
    Reset,
}

#[derive(Clone, Debug)]
enum Body {
    /// With its length.
    Whole(Vec<u8>),
    /// As told, with the headers as they are.
    Steps(Vec<Step>),
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// `None`: not even a status line.
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Body,
}

impl Answer {
    pub fn new(status: u16) -> Answer {
        Answer { status: Some(status), headers: Vec::new(), body: Body::Whole(Vec::new()) }
    }

    pub fn json(body: impl Into<Vec<u8>>) -> Answer {
        Answer::new(200).header("Content-Type", "application/json").body(body)
    }

    /// Steps on the bare connection, after the request was read.
    pub fn raw(steps: Vec<Step>) -> Answer {
        Answer { status: None, headers: Vec::new(), body: Body::Steps(steps) }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Answer {
        self.body = Body::Whole(body.into());
        self
    }

    /// A body told step by step; the caller writes the headers that go with it.
    pub fn steps(mut self, steps: Vec<Step>) -> Answer {
        self.body = Body::Steps(steps);
        self
    }

    fn into_steps(self) -> Vec<Step> {
        let mut head = String::new();
        if let Some(status) = self.status {
            head = format!("HTTP/1.1 {status} Whatever\r\nConnection: close\r\n");
            for (name, value) in &self.headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let end_head = |mut head: String, more: &str| {
            head.push_str(more);
            head.push_str("\r\n");
            Step::Bytes(head.into_bytes())
        };
        match self.body {
            Body::Steps(steps) if self.status.is_none() => steps,
            Body::Steps(steps) => std::iter::once(end_head(head, "")).chain(steps).collect(),
            Body::Whole(body) => {
                let length = match self.status {
                    Some(204 | 304) => String::new(),
                    _ => format!("Content-Length: {}\r\n", body.len()),
                };
                vec![end_head(head, &length), Step::Bytes(body)]
            }
        }
    }
}

/// One chunk of a chunked body.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `megabytes` of blanks as gzip, made without holding them.
pub fn bomb(megabytes: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let megabyte = vec![b' '; 1024 * 1024];
    for _ in 0..megabytes {
        encoder.write_all(&megabyte).unwrap();
    }
    encoder.finish().unwrap()
}

type Script = Arc<dyn Fn(&Recorded) -> Answer + Send + Sync>;

struct Inner {
    script: Mutex<Script>,
    requests: Mutex<Vec<Recorded>>,
    bytes_sent: AtomicU64,
    connections: AtomicUsize,
}

/// A running server.
#[derive(Clone)]
pub struct Server {
    pub url: String,
    pub port: u16,
    inner: Arc<Inner>,
}

impl Server {
    pub async fn start(script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> Server {
        Server::start_at("127.0.0.1:0", script).await.expect("a free port")
    }

    pub async fn start_at(
        address: &str,
        script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static,
    ) -> std::io::Result<Server> {
        let listener = TcpListener::bind(address).await?;
        let port = listener.local_addr()?.port();
        let inner = Arc::new(Inner {
            script: Mutex::new(Arc::new(script)),
            requests: Mutex::default(),
            bytes_sent: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
        });
        let server = Server { url: format!("http://127.0.0.1:{port}"), port, inner: inner.clone() };
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                inner.connections.fetch_add(1, Ordering::SeqCst);
                let inner = inner.clone();
                spawn(async move {
                    let _ = converse(stream, &inner).await;
                });
            }
        });
        Ok(server)
    }

    /// Answers otherwise from now on.
    pub fn set(&self, script: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) {
        *self.inner.script.lock().unwrap() = Arc::new(script);
    }

    /// The requests since the last call.
    pub fn take_requests(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.inner.requests.lock().unwrap())
    }

    pub fn bytes_sent(&self) -> u64 {
        self.inner.bytes_sent.load(Ordering::SeqCst)
    }

    pub fn connections(&self) -> usize {
        self.inner.connections.load(Ordering::SeqCst)
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's server ends with the test's runtime")]
fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

async fn converse(mut stream: TcpStream, inner: &Inner) -> std::io::Result<()> {
    let Some(request) = read_request(&mut stream).await? else { return Ok(()) };
    inner.requests.lock().unwrap().push(request.clone());
    let script = inner.script.lock().unwrap().clone();
    for step in script(&request).into_steps() {
        match step {
            Step::Bytes(bytes) => send(&mut stream, &bytes, inner).await?,
            Step::Repeat(bytes, bytes_max) => {
                let mut sent = 0;
                while sent < bytes_max {
                    send(&mut stream, &bytes, inner).await?;
                    sent += bytes.len() as u64;
                }
            }
            Step::Pause(pause) => tokio::time::sleep(pause).await,
            Step::Stall => std::future::pending().await,
            Step::Reset => {
                stream.set_zero_linger()?;
                return Ok(());
            }
        }
    }
    stream.shutdown().await
}

async fn send(stream: &mut TcpStream, bytes: &[u8], inner: &Inner) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    inner.bytes_sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
    Ok(())
}

async fn read_request(stream: &mut TcpStream) -> std::io::Result<Option<Recorded>> {
    let mut received = Vec::new();
    let head_end = loop {
        if let Some(at) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&received[..head_end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    while received.len() < head_end + length {
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(Recorded {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: received[head_end..head_end + length].to_vec(),
    }))
}
