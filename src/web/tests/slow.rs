//! Clients that are slow, loud or many, over real connections.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::web::server;

const SHORT: Limits = Limits {
    header: Duration::from_millis(300),
    body: Duration::from_millis(300),
    request: Duration::from_secs(2),
    connection: Duration::from_secs(2),
    grace: Duration::from_millis(500),
    connections_max: 200,
    per_address_max: 150,
};
/// Longer than any limit of [`SHORT`], with room for a slow machine.
const PATIENCE: Duration = Duration::from_secs(8);

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<anyhow::Result<()>>,
    _test: TestSite,
}

async fn run(limits: Limits) -> Running {
    let test = TestSite::in_folder(tempfile::tempdir().unwrap(), "", limits).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    #[expect(clippy::disallowed_methods, reason = "the test itself waits for it")]
    let ended = tokio::spawn(server::serve(listener, test.router(), limits, stop.clone()));
    Running { address, stop, ended, _test: test }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes the connection.
    async fn talk(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        let (mut read, mut write) = stream.split();
        let mut answer = Vec::new();
        // A server that has answered may stop reading: what could not be sent does not matter then.
        let both = async { tokio::join!(write.write_all(bytes), read.read_to_end(&mut answer)) };
        let _ = timeout(PATIENCE, both).await.expect("the server closes the connection");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[tokio::test]
async fn half_a_request_is_cut() {
    let running = run(SHORT).await;
    for half in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: a"] {
        let began = Instant::now();
        running.talk(half.as_bytes()).await;
        assert!(began.elapsed() < Duration::from_secs(4), "{half:?} took {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_request_that_drips_is_cut_too() {
    let running = run(SHORT).await;
    let mut stream = running.connect().await;
    let began = Instant::now();
    let dripping = async {
        let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Drip: ").await;
        while stream.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, dripping).await.expect("it was cut");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let running = run(SHORT).await;
    let answer = running
        .talk(b"POST /hooks/bridge HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nConnection: close\r\n\r\nabc")
        .await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn ten_megabytes_are_refused_and_the_sender_hears_it() {
    let running = run(SHORT).await;
    let body = vec![b'x'; 10 * 1024 * 1024];
    for path in ["/hooks/bridge", "/login"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let answer = running.talk(&[head.as_bytes(), &body].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{path}: {}", answer.get(..200).unwrap_or(&answer));
    }
    let mut chunked = b"POST /hooks/bridge HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".to_vec();
    for _ in 0..40 {
        chunked.extend_from_slice(format!("{:x}\r\n", 65_536).as_bytes());
        chunked.extend_from_slice(&body[..65_536]);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let answer = running.talk(&chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn huge_and_broken_heads_are_refused() {
    let running = run(SHORT).await;
    let huge = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Huge: {}\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-Many: a\r\n".repeat(1_000));
    for (what, bytes, status) in [
        ("a huge header", huge.as_bytes(), "HTTP/1.1 431"),
        ("a thousand headers", many.as_bytes(), "HTTP/1.1 431"),
        ("no HTTP", b"hallo daar\r\n\r\n", "HTTP/1.1 400"),
        ("TLS", &[0x16, 3, 1, 0, 200, 1, 0, 0, 0x0d, 0x0a, 0x0d, 0x0a], "HTTP/1.1 400"),
    ] {
        let answer = running.talk(bytes).await;
        assert!(answer.starts_with(status), "{what}: {}", answer.get(..100).unwrap_or(&answer));
    }
}

#[tokio::test]
async fn idle_connections_delay_nobody_and_one_address_gets_its_share_only() {
    let running = run(Limits { header: Duration::from_secs(5), ..SHORT }).await;
    let mut idle = Vec::new();
    for _ in 0..149 {
        idle.push(running.connect().await);
    }
    let began = Instant::now();
    let answer = running.talk(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("live\n"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    idle.push(running.connect().await);
    // The seats are taken: whoever comes now is shown out at once.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    assert_eq!(running.talk(b"").await, "");
    assert!(began.elapsed() < Duration::from_millis(800), "{:?}", began.elapsed());
}

#[tokio::test]
async fn whoever_holds_all_connections_open_keeps_nobody_out() {
    let running = run(Limits { header: Duration::from_secs(5), connections_max: 20, ..SHORT }).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(running.connect().await);
    }
    for _ in 0..5 {
        let began = Instant::now();
        let answer =
            running.talk(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
        assert!(answer.ends_with("live\n"), "{answer}");
        assert!(began.elapsed() < Duration::from_millis(2_500), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_connection_does_not_live_for_ever() {
    let running = run(SHORT).await;
    let mut stream = running.connect().await;
    let began = Instant::now();
    let mut answers = 0;
    let busy = async {
        let mut buffer = [0; 4096];
        while stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.is_ok() {
            match stream.read(&mut buffer).await {
                Ok(read) if read > 0 => answers += 1,
                _ => break,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, busy).await.expect("it ends");
    assert!(
        answers > 5 && began.elapsed() >= Duration::from_secs(2),
        "{answers} answers in {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn stopping_waits_for_no_idle_connection() {
    let running =
        run(Limits { header: Duration::from_secs(60), connection: Duration::from_secs(60), ..SHORT }).await;
    let mut kept_alive = running.connect().await;
    kept_alive.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut buffer = [0; 4096];
    assert!(kept_alive.read(&mut buffer).await.unwrap() > 0);
    let _silent = running.connect().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.stop.cancel();
    timeout(Duration::from_secs(3), running.ended).await.expect("it stops").unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err(), "nothing new is taken");
}
