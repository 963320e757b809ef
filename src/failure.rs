//! One vocabulary for everything that goes wrong outside us.
//!
//! The kind is chosen once, where the answer is read. Afterwards only [`FailureKind::disposition`] is asked:
//! try this item again, stop the connector until a person acts, or give the item up. Nobody parses messages later.

use std::fmt;
use std::time::Duration;

/// Why a conversation with the outside world failed. Used for logic, for the metric label, and on the outbox page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No address, no connection, or the connection broke before anything was sent.
    Unreachable,
    /// A deadline passed.
    TimedOut,
    /// The peer's certificate or protocol was refused.
    TlsRefused,
    /// HTTP 429 and its relatives.
    RateLimited,
    /// The peer says it cannot now: HTTP 5xx, 408, 425; SMTP 4yz.
    Unavailable,
    /// HTTP 401, 403, 402; SMTP 535: not this item's fault.
    BadCredentials,
    /// HTTP 404 and 451: what we asked for is not there.
    NotFound,
    /// HTTP 410: it was there and will not come back.
    Gone,
    /// The peer understood and says no to this item: HTTP 400, 409, 413, 422; SMTP 5yz.
    Refused,
    /// The answer is not what the interface promises, for instance a login page instead of JSON.
    Malformed,
    /// The answer exceeded one of our limits and was cut off.
    TooLarge,
    /// We refuse to go there: an address, scheme or redirect that content may not lead us to.
    Blocked,
    /// Our own yearly or daily allowance for this source is used up.
    QuotaSpent,
    /// Bytes may have reached the peer, but no final answer was recorded.
    UnknownOutcome,
    /// What was read could not be written into our own database.
    NotStored,
    /// A defect or a resource problem of ours.
    Internal,
}

/// What to do with the item at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Try this item again later, no sooner than the hint.
    Retry,
    /// Stop this connector until a person acts; probe it slowly. The item keeps its place.
    Suspend,
    /// This item will never be accepted: park it where a person sees it.
    GiveUp,
}

impl FailureKind {
    /// Every kind, for metrics that must exist at zero.
    pub const ALL: [FailureKind; 16] = [
        FailureKind::Unreachable,
        FailureKind::TimedOut,
        FailureKind::TlsRefused,
        FailureKind::RateLimited,
        FailureKind::Unavailable,
        FailureKind::BadCredentials,
        FailureKind::NotFound,
        FailureKind::Gone,
        FailureKind::Refused,
        FailureKind::Malformed,
        FailureKind::TooLarge,
        FailureKind::Blocked,
        FailureKind::QuotaSpent,
        FailureKind::UnknownOutcome,
        FailureKind::NotStored,
        FailureKind::Internal,
    ];

    /// The one question that is asked of a failure.
    pub fn disposition(self) -> Disposition {
        match self {
            FailureKind::Unreachable
            | FailureKind::TimedOut
            | FailureKind::RateLimited
            | FailureKind::Unavailable
            | FailureKind::Malformed
            | FailureKind::TooLarge
            | FailureKind::QuotaSpent
            | FailureKind::UnknownOutcome
            | FailureKind::NotStored
            | FailureKind::Internal => Disposition::Retry,
            FailureKind::BadCredentials | FailureKind::TlsRefused | FailureKind::Blocked => {
                Disposition::Suspend
            }
            FailureKind::NotFound | FailureKind::Gone | FailureKind::Refused => Disposition::GiveUp,
        }
    }

    /// The stable name in metrics, logs and the database.
    pub fn name(self) -> &'static str {
        match self {
            FailureKind::Unreachable => "unreachable",
            FailureKind::TimedOut => "timed_out",
            FailureKind::TlsRefused => "tls_refused",
            FailureKind::RateLimited => "rate_limited",
            FailureKind::Unavailable => "unavailable",
            FailureKind::BadCredentials => "bad_credentials",
            FailureKind::NotFound => "not_found",
            FailureKind::Gone => "gone",
            FailureKind::Refused => "refused",
            FailureKind::Malformed => "malformed",
            FailureKind::TooLarge => "too_large",
            FailureKind::Blocked => "blocked",
            FailureKind::QuotaSpent => "quota_spent",
            FailureKind::UnknownOutcome => "unknown_outcome",
            FailureKind::NotStored => "not_stored",
            FailureKind::Internal => "internal",
        }
    }

    /// The kind that a stored name stands for; `None` for a name this version does not know.
    pub fn from_name(name: &str) -> Option<FailureKind> {
        FailureKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What an HTTP status means, following RFC 9110 and promise P3. Statuses below 400 are no failure.
    pub fn of_http_status(status: u16) -> FailureKind {
        match status {
            401 | 402 | 403 | 407 => FailureKind::BadCredentials,
            404 | 451 => FailureKind::NotFound,
            408 | 425 => FailureKind::Unavailable,
            410 => FailureKind::Gone,
            429 => FailureKind::RateLimited,
            400..=499 => FailureKind::Refused,
            500..=599 => FailureKind::Unavailable,
            _ => FailureKind::Malformed,
        }
    }

    /// What an operator can do about it, as the end of a message.
    pub fn advice(self) -> &'static str {
        match self {
            FailureKind::Unreachable => "check the address, the name server and the network path",
            FailureKind::TimedOut => "the peer is slow or silent; it is tried again by itself",
            FailureKind::TlsRefused => {
                "check the peer's certificate; a company CA goes in the operating system's trust store"
            }
            FailureKind::RateLimited => "we ask too often; raise interval_secs if this stays",
            FailureKind::Unavailable => "the peer has trouble of its own; it is tried again by itself",
            FailureKind::BadCredentials => {
                "renew the credentials in the configuration, then restart or reload"
            }
            FailureKind::NotFound => "check the address, account or id in the configuration",
            FailureKind::Gone => "it was removed for good; take it out of the configuration",
            FailureKind::Refused => "the peer will not take this item; see its answer in the attempt log",
            FailureKind::Malformed => {
                "the answer was not what the interface promises; is a login page or proxy in between?"
            }
            FailureKind::TooLarge => "the answer exceeded a limit and was cut; ask for smaller pages",
            FailureKind::Blocked => "the address is not one that content may lead us to",
            FailureKind::QuotaSpent => "our own allowance for this period is used; it starts again by itself",
            FailureKind::UnknownOutcome => {
                "the peer may have taken it; it is looked up before it is tried again"
            }
            FailureKind::NotStored => {
                "look at our own database and its disk; the log has its words. It is tried again by itself"
            }
            FailureKind::Internal => "this is a defect of gehoord; please report it with the log line",
        }
    }
}

/// A failed conversation: what was attempted and how it ended, without secrets, names or post text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The class that decides what happens next.
    pub kind: FailureKind,
    /// What was attempted on which object, for the operator.
    pub message: String,
    /// How long the peer asked us to wait.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure without a waiting hint.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), retry_after: None }
    }

    /// The same failure with the peer's request to wait.
    pub fn after(mut self, wait: Option<Duration>) -> Failure {
        self.retry_after = wait;
        self
    }

    /// Shorthand for an answer that is not what the interface promises.
    pub fn malformed(message: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Malformed, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.message, self.kind.name(), self.kind.advice())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_its_name() {
        for kind in FailureKind::ALL {
            assert_eq!(FailureKind::from_name(kind.name()), Some(kind));
        }
    }

    #[test]
    fn http_statuses_follow_promise_p3() {
        for status in [400, 404, 410, 413, 422] {
            assert_eq!(FailureKind::of_http_status(status).disposition(), Disposition::GiveUp, "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(FailureKind::of_http_status(status).disposition(), Disposition::Retry, "{status}");
        }
        for status in [401, 403] {
            assert_eq!(FailureKind::of_http_status(status).disposition(), Disposition::Suspend, "{status}");
        }
    }
}
