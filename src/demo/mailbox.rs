//! A mail server that keeps what it gets: for `gehoord demo`, whose page shows the mails, and for tests, which count them.
//!
//! It speaks the part of SMTP (RFC 5321) that a client needs to deliver, and nothing else. It never sends.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// The largest mail that is taken.
const MAIL_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A mail as it arrived.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Envelope recipients.
    pub to: Vec<String>,
    /// The whole message.
    pub message: String,
    /// When the last byte was there.
    pub arrived: Instant,
}

impl Mail {
    /// The value of a header, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let headers = self.message.split("\r\n\r\n").next()?.replace("\r\n ", " ").replace("\r\n\t", " ");
        headers.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

/// The mails that arrived, shared with whoever shows or counts them.
#[derive(Clone, Debug, Default)]
pub struct Mailbox {
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl Mailbox {
    /// All mails so far, the oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().expect("nobody panics while holding mails").clone()
    }

    /// Takes mails until the listener is dropped.
    pub async fn serve(&self, listener: TcpListener) {
        let mut conversations = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let mailbox = self.clone();
            conversations.spawn(async move {
                // A client that breaks off has said all it will say.
                let _ = mailbox.converse(stream).await;
            });
            while conversations.try_join_next().is_some() {}
        }
    }

    async fn converse(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read.take(MAIL_BYTES_MAX));
        let mut to = Vec::new();
        write.write_all(b"220 demo mailbox\r\n").await?;
        loop {
            let mut line = Vec::new();
            read.get_mut().set_limit(MAIL_BYTES_MAX);
            if read.read_until(b'\n', &mut line).await? == 0 {
                return Ok(());
            }
            let command = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let reply: &[u8] = match verb.as_str() {
                "EHLO" => b"250-demo\r\n250-8BITMIME\r\n250 PIPELINING\r\n",
                "RCPT" => {
                    to.push(between_brackets(&command));
                    b"250 ok\r\n"
                }
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await?;
                    let message = read_message(&mut read).await?;
                    self.mails.lock().expect("nobody panics while holding mails").push(Mail {
                        to: std::mem::take(&mut to),
                        message,
                        arrived: Instant::now(),
                    });
                    b"250 kept\r\n"
                }
                "QUIT" => {
                    write.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                "HELO" | "MAIL" | "RSET" | "NOOP" => b"250 ok\r\n",
                _ => b"502 not here\r\n",
            };
            write.write_all(reply).await?;
        }
    }
}

async fn read_message(read: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<String> {
    let mut message = Vec::new();
    loop {
        let start = message.len();
        if read.read_until(b'\n', &mut message).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match &message[start..] {
            b".\r\n" => {
                message.truncate(start);
                return Ok(String::from_utf8_lossy(&message).into_owned());
            }
            [b'.', b'.', ..] => {
                message.remove(start);
            }
            _ => {}
        }
    }
}

fn between_brackets(command: &str) -> String {
    command
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or("", |(address, _)| address)
        .to_owned()
}
