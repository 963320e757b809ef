//! The accept loop: every connection has a time limit for each thing a client can be slow at, and there is a limit to how
//! many there are. A plain loop keeps connections that send half a request for ever (slow-loris).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Service;

/// Pause after the system could not give us a connection, for instance because all file handles are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// The most bytes of a request line and its headers.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most headers of a request.
const HEADERS_MAX: usize = 100;

/// What a client may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Until the headers of a request are complete; a connection that idles this long is closed too.
    pub header: Duration,
    /// Until the body of a request is complete.
    pub body: Duration,
    /// Until a request is answered.
    pub request: Duration,
    /// How long a connection is kept, however busy it is.
    pub connection: Duration,
    /// How long an answer that is under way may still take when we stop or the connection is old.
    pub grace: Duration,
    /// Connections at the same time; more wait in the system's queue.
    pub connections_max: usize,
    /// Connections of one address at the same time; more are closed at once.
    pub per_address_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            header: Duration::from_secs(10),
            body: Duration::from_secs(10),
            request: Duration::from_secs(15),
            connection: Duration::from_secs(120),
            grace: Duration::from_secs(15),
            connections_max: 256,
            per_address_max: 64,
        }
    }
}

/// The address a request came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub SocketAddr);

/// Accepts connections until `stop`, then lets what is under way finish.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let addresses = Addresses::default();
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (place, stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("A connection to the page could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(seat) = addresses.take(peer.ip(), limits.per_address_max) else { continue };
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            converse(stream, peer, router, limits, stop).await;
            drop((place, seat));
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// A connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(tokio::sync::OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((place, stream, peer))
}

/// Serves one connection until it ends, is too old, or we stop.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A client that breaks off or breaks the protocol has ended its own connection; there is nobody to tell.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        () = tokio::time::sleep(limits.connection) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(limits.grace, connection).await;
}

/// How many connections each address has.
#[derive(Clone, Default)]
struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection's seat; dropping it frees the seat.
struct Seat {
    addresses: Addresses,
    address: IpAddr,
}

impl Addresses {
    fn take(&self, address: IpAddr, max: usize) -> Option<Seat> {
        let mut counts = self.0.lock().expect("nobody panics while counting");
        let count = counts.entry(address).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Seat { addresses: self.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock().expect("nobody panics while counting");
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_when_its_connection_ends() {
        let addresses = Addresses::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let seats: Vec<Seat> = (0..3).filter_map(|_| addresses.take(address, 2)).collect();
        assert_eq!(seats.len(), 2);
        drop(seats);
        assert!(addresses.take(address, 1).is_some());
        assert!(addresses.0.lock().unwrap().is_empty());
    }
}
