//! The conversation with a mail server, step by step, because the step decides what a failure means.
//!
//! Before the words are sent, a broken connection is harmless: the mail can be tried again. Once they are on their way, no
//! answer is an unknown outcome. A refusal at login is a matter of credentials, at a recipient one of this mail.

use std::net::SocketAddr;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::message::{Envelope, is_sendable};
use super::reply::{self, Step};
use super::{Config, Security};
use crate::alert::progress::Progress;
use crate::failure::{Failure, FailureKind};
use crate::text;

/// Connections that are kept open between mails.
const IDLE_MAX: usize = 4;
/// A connection that was idle for longer is not used again; servers close theirs after some minutes.
const IDLE_AGE_MAX: Duration = Duration::from_secs(60);
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// The longest receipt, in characters.
const RECEIPT_CHARACTERS_MAX: usize = 200;

/// The way to one mail server.
pub struct Smtp {
    config: Config,
    tls: Option<TlsParameters>,
    hello: ClientId,
    step_max: Duration,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
    /// Which recipients of a mail were told, when not all were.
    told: Progress,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").field("host", &self.config.host).finish_non_exhaustive()
    }
}

impl Smtp {
    pub fn new(config: Config, tls: Option<TlsParameters>, step_max: Duration) -> Smtp {
        let hello = config.helo_name.clone().map_or_else(ClientId::default, ClientId::Domain);
        Smtp { config, tls, hello, step_max, idle: Mutex::default(), told: Progress::default() }
    }

    /// Sends one message to its recipients and returns the server's final yes.
    ///
    /// A recipient who is refused for good does not keep the others from being told; the receipt says so. While one is
    /// refused for now, the others are told at once, and only the rest is tried again.
    pub async fn deliver(&self, envelope: &Envelope, key: &str) -> Result<String, Failure> {
        let internal = |what: &str| Failure::new(FailureKind::Internal, what);
        if !is_sendable(&envelope.message) {
            return Err(internal("the mail could not be composed"));
        }
        let from: Address = envelope.from.parse().map_err(|_| internal("the frozen sender is no address"))?;
        let to: Vec<Address> = envelope
            .to
            .iter()
            .filter(|address| !self.told.has(key, address))
            .map(|address| address.parse().map_err(|_| internal("a frozen recipient is no address")))
            .collect::<Result<_, _>>()?;
        let mut connection = self.connection().await?;
        match self.converse(&mut connection, from, &to, &envelope.message, key).await {
            Ok(receipt) => {
                self.keep(connection).await;
                Ok(receipt)
            }
            Err(failure) => {
                goodbye(connection).await;
                Err(failure)
            }
        }
    }

    async fn converse(
        &self,
        connection: &mut AsyncSmtpConnection,
        from: Address,
        to: &[Address],
        message: &str,
        key: &str,
    ) -> Result<String, Failure> {
        self.step(Step::Sender, connection.command(Mail::new(Some(from), Vec::new()))).await?;
        let (mut accepted, mut later, mut never) = (Vec::new(), Vec::new(), Vec::new());
        for address in to {
            match self.step(Step::Recipient, connection.command(Rcpt::new(address.clone(), Vec::new()))).await
            {
                Ok(_) => accepted.push(address),
                Err(failure) => match failure.kind {
                    FailureKind::Refused => never.push(failure),
                    FailureKind::Unavailable => later.push(failure),
                    _ => return Err(failure),
                },
            }
        }
        if accepted.is_empty() && (!later.is_empty() || self.told.count(key) == 0) {
            let failure = later.into_iter().chain(never).next();
            return Err(
                failure.unwrap_or_else(|| Failure::new(FailureKind::Internal, "the mail has no recipient"))
            );
        }
        let receipt = if accepted.is_empty() {
            "the others had been told before".to_owned()
        } else {
            self.step(Step::Data, connection.command(Data)).await?;
            // The transport ends the message itself.
            let bytes = message.strip_suffix("\r\n").unwrap_or(message).as_bytes();
            final_line(&self.step(Step::Words, connection.message(bytes)).await?)
        };
        for address in &accepted {
            self.told.note(key, address.as_ref());
        }
        let told = self.told.count(key);
        if let Some(failure) = later.into_iter().next() {
            let message = format!("{told} recipient(s) are told; for the rest {}", failure.message);
            return Err(Failure { message, ..failure });
        }
        self.told.forget(key);
        Ok(match never.first() {
            None => receipt,
            Some(failure) => {
                tracing::warn!(
                    alert.key = key,
                    "Alert {key} reached {told} recipient(s), but not {}: {failure}",
                    never.len()
                );
                format!("{receipt}; {} recipient(s) not told: {}", never.len(), failure.message)
            }
        })
    }

    /// Connects, greets, turns to TLS, logs in, and takes leave again.
    pub async fn check(&self) -> Result<String, Failure> {
        let mut connection = self.connect().await?;
        self.step(Step::Hello, connection.command(Noop)).await?;
        let server = text::excerpt(&text::clean_name(connection.server_info().name()), 80);
        let encrypted = if connection.is_encrypted() { "encrypted" } else { "not encrypted" };
        let login = if self.config.user.is_some() { "logged in" } else { "without a login" };
        goodbye(connection).await;
        Ok(format!("{server} answers, {encrypted}, {login}"))
    }

    /// A connection that was used before and still answers, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, Failure> {
        loop {
            let Some((mut connection, since)) = self.idle.lock().await.pop() else {
                return self.connect().await;
            };
            let answers = since.elapsed() < IDLE_AGE_MAX
                && timeout(GOODBYE, connection.test_connected()).await.unwrap_or(false);
            if answers {
                return Ok(connection);
            }
            goodbye(connection).await;
        }
    }

    async fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().await;
        if idle.len() < IDLE_MAX {
            idle.push((connection, Instant::now()));
        } else {
            drop(idle);
            goodbye(connection).await;
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let address = (self.config.host.as_str(), self.config.port());
        if let (Security::Tls, Some(tls)) = (self.config.security, &self.tls) {
            let connecting = AsyncSmtpConnection::connect_tokio1(
                address,
                Some(self.step_max),
                &self.hello,
                Some(tls.clone()),
                None,
            );
            let mut connection = self.step(Step::Tls, connecting).await?;
            self.log_in(&mut connection).await?;
            return Ok(connection);
        }
        let stream = match timeout(self.step_max, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(_)) => return Err(self.failure(FailureKind::Unreachable, "cannot be reached")),
            Err(_) => return Err(self.failure(FailureKind::TimedOut, "did not answer in time")),
        };
        // The end of a message is a packet of its own, which the kernel would hold back for 40 ms.
        let _ = stream.set_nodelay(true);
        if self.tls.is_none()
            && !stream.peer_addr().is_ok_and(|peer: SocketAddr| peer.ip().to_canonical().is_loopback())
        {
            return Err(self.failure(
                FailureKind::Blocked,
                "is not on this machine, and nothing is sent there in the clear",
            ));
        }
        let connecting = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello);
        let mut connection = self.step(Step::Hello, connecting).await?;
        if let Some(tls) = &self.tls {
            if !connection.can_starttls() {
                return Err(self.failure(
                    FailureKind::TlsRefused,
                    "offers no STARTTLS, and nothing is sent in the clear",
                ));
            }
            self.step(Step::Tls, connection.starttls(tls.clone(), &self.hello)).await?;
        }
        self.log_in(&mut connection).await?;
        Ok(connection)
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), Failure> {
        let (Some(user), Some(password)) = (&self.config.user, &self.config.password) else { return Ok(()) };
        let credentials = Credentials::new(user.clone(), password.expose().to_owned());
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        self.step(Step::Login, connection.auth(&mechanisms, &credentials)).await.map(|_| ())
    }

    /// One step of the conversation within its time.
    async fn step<T>(
        &self,
        step: Step,
        doing: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    ) -> Result<T, Failure> {
        match timeout(self.step_max, doing).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(reply::failure(step, &error, &self.server())),
            Err(_) if step == Step::Words => {
                Err(self.failure(FailureKind::UnknownOutcome, "took the mail and did not answer in time"))
            }
            Err(_) => Err(self.failure(FailureKind::TimedOut, &format!("was silent at {}", step.name()))),
        }
    }

    fn failure(&self, kind: FailureKind, what: &str) -> Failure {
        Failure::new(kind, format!("{} {what}", self.server()))
    }

    fn server(&self) -> String {
        format!("the mail server {}:{}", self.config.host, self.config.port())
    }
}

async fn goodbye(mut connection: AsyncSmtpConnection) {
    // Whether the server says goodbye too is of no interest.
    let _ = timeout(GOODBYE, connection.abort()).await;
}

/// The server's last line, with its code.
fn final_line(response: &Response) -> String {
    let line = response.message().last().unwrap_or("");
    text::excerpt(&text::clean_name(&format!("{} {line}", response.code())), RECEIPT_CHARACTERS_MAX)
}
