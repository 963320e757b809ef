//! The accept loop: every connection has a time limit for each thing a client can be slow at, and there is a limit to how
//! many there are. A plain loop keeps connections that send half a request for ever (slow-loris).

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Service;

/// Pause after the system could not give us a connection, for instance because all file handles are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How long a connection that is not being answered may take to close.
const IDLE_GRACE: Duration = Duration::from_millis(100);
/// How long a new connection waits for a place when all are taken.
const FULL_PATIENCE: Duration = Duration::from_secs(1);
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
    /// Connections at the same time; for one more, the longest idle one is closed.
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
    let hall = Hall::new(limits.connections_max);
    let addresses = Addresses::default();
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("A connection to the page could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(seat) = addresses.take(peer.ip(), limits.per_address_max) else { continue };
        let Some(guest) = hall.admit().await else { continue };
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            converse(stream, peer, router, limits, &guest, stop).await;
            drop((guest, seat));
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// Serves one connection until it ends, is too old, is asked to leave, or we stop.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    guest: &Arc<Guest>,
    stop: CancellationToken,
) {
    // Answers are small: without this, the last packet of each may wait for the client's receipt.
    let _ = stream.set_nodelay(true);
    let served = guest.clone();
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let answer = router.clone().call(request);
        let served = served.clone();
        async move {
            served.is_served.store(true, Ordering::Relaxed);
            let answer = answer.await;
            served.is_served.store(false, Ordering::Relaxed);
            answer
        }
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
        () = guest.leave.cancelled() => {}
        () = stop.cancelled() => {}
        () = tokio::time::sleep(limits.connection) => {}
    }
    connection.as_mut().graceful_shutdown();
    let grace =
        if guest.is_served.load(Ordering::Relaxed) { limits.grace } else { limits.grace.min(IDLE_GRACE) };
    let _ = tokio::time::timeout(grace, connection).await;
}

/// The connections there are. When there is no place left, the one that has been idle longest makes room: whoever only
/// holds connections open keeps nobody out.
struct Hall {
    places: Arc<Semaphore>,
    guests: Mutex<VecDeque<Weak<Guest>>>,
    /// Guests, those that left included, after which the list is tidied.
    remembered_max: usize,
}

/// One connection.
struct Guest {
    /// A request of it is being answered.
    is_served: AtomicBool,
    /// It should make room.
    leave: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Hall {
    fn new(places: usize) -> Hall {
        Hall {
            places: Arc::new(Semaphore::new(places)),
            guests: Mutex::default(),
            remembered_max: places.saturating_mul(2),
        }
    }

    /// A place, or `None` when all are taken by connections that are being answered.
    async fn admit(&self) -> Option<Arc<Guest>> {
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                self.ask_one_to_leave();
                let freed = tokio::time::timeout(FULL_PATIENCE, self.places.clone().acquire_owned()).await;
                freed.ok()?.ok()?
            }
        };
        let guest = Arc::new(Guest {
            is_served: AtomicBool::new(false),
            leave: CancellationToken::new(),
            _place: place,
        });
        let mut guests = self.guests.lock().expect("nobody panics while counting");
        guests.push_back(Arc::downgrade(&guest));
        if guests.len() > self.remembered_max {
            guests.retain(|guest| guest.strong_count() > 0);
        }
        Some(guest)
    }

    fn ask_one_to_leave(&self) {
        let mut guests = self.guests.lock().expect("nobody panics while counting");
        guests.retain(|guest| guest.strong_count() > 0);
        let idle = guests
            .iter()
            .position(|guest| guest.upgrade().is_some_and(|guest| !guest.is_served.load(Ordering::Relaxed)));
        if let Some(guest) = idle.and_then(|place| guests.remove(place)).and_then(|guest| guest.upgrade()) {
            guest.leave.cancel();
        }
    }
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
