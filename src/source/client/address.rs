//! Where a request may lead: redirects, and addresses that content names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;

use super::request::{Request, Response};
use crate::failure::{Failure, FailureKind};

/// The addresses of a link from content: resolved by us and checked, to be pinned for the connection.
///
/// # Errors
/// `Blocked` when it leads to anything but the usual ports of public addresses.
pub(super) async fn public_addresses(url: &Url) -> Result<Vec<SocketAddr>, Failure> {
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
    Ok(addresses)
}

/// Where a redirect leads, or `None` when the answer is no redirect. Without leave to follow, a redirect is a failure.
pub(super) fn redirect_target(response: &Response, request: &Request) -> Result<Option<Url>, Failure> {
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
    use reqwest::header::{self, HeaderMap};

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
}
