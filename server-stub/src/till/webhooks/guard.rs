//! Where a till may be told to send things: to public addresses over `https`, and nowhere inside the merchant's network.
//!
//! The address is checked when it is named, and what it resolves to at every connection, so that a name which changes its
//! mind (DNS rebinding) leads nowhere. Redirects are not followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use protocol::value::scheme_and_authority;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use url::{Host, Url};

/// The longest address of a webhook.
const MAX_URL_BYTES: usize = 1_024;

/// Why nothing is sent to an address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AddressFault {
    /// Not an address.
    #[error("not an absolute address of at most {MAX_URL_BYTES} bytes without user information and fragment")]
    Form,
    /// Not encrypted.
    #[error("a webhook's address begins with https")]
    Scheme,
    /// Somewhere inside.
    #[error("{0} is not a public address")]
    NotPublic(String),
}

/// What may be reached.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guard {
    /// This machine too, without encryption: for sandboxes and tests only.
    pub allow_loopback: bool,
}

impl Guard {
    /// Checks an address as far as it can be seen without asking anybody.
    ///
    /// # Errors
    /// See [`AddressFault`].
    pub fn check(&self, text: &str) -> Result<Url, AddressFault> {
        let plain = text.len() <= MAX_URL_BYTES && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        let text = scheme_and_authority(text).filter(|_| plain).map(|_| text).ok_or(AddressFault::Form)?;
        let url = Url::parse(text).map_err(|_| AddressFault::Form)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(AddressFault::Form);
        }
        let host = url.host().ok_or(AddressFault::Form)?;
        let is_here = is_this_machine(&host);
        if url.scheme() != "https" && !(self.allow_loopback && is_here && url.scheme() == "http") {
            return Err(AddressFault::Scheme);
        }
        let allowed = match host {
            Host::Domain(_) => self.allow_loopback || !is_here,
            Host::Ipv4(ip) => self.allows(ip.into()),
            Host::Ipv6(ip) => self.allows(ip.into()),
        };
        if allowed { Ok(url) } else { Err(AddressFault::NotPublic(host.to_string())) }
    }

    fn allows(self, ip: IpAddr) -> bool {
        is_public(ip) || (self.allow_loopback && ip.is_loopback())
    }
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

/// Whether an address is one of the public Internet (IANA's registries of special-purpose addresses).
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let parts = ip.segments();
    let embedded = |at: usize| {
        let ([first, second], [third, fourth]) = (parts[at].to_be_bytes(), parts[at + 1].to_be_bytes());
        Ipv4Addr::new(first, second, third, fourth)
    };
    match (parts[0], parts[1]) {
        // NAT64 and 6to4 lead to the address within.
        (0x64, 0xff9b) if parts[2..6] == [0; 4] => is_public_v4(embedded(6)),
        (0x2002, _) => is_public_v4(embedded(1)),
        // Teredo, benchmarks, ORCHID, documentation.
        (0x2001, 0..0x200 | 0xdb8) | (0x3fff, 0..0x1000) => false,
        // Everything else that is public is global unicast; addresses of this machine and mapped ones are not.
        (first, _) => (0x2000..0x4000).contains(&first),
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| guard.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(AddressFault::NotPublic(name.as_str().to_owned()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_inside_can_be_reached() {
        let guard = Guard::default();
        for bad in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://198.18.0.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[2002:0a00:0001::1]/",
            "https://[2001::1]/",
            "https://[fe80::1]/",
            "https://[fc00::1]/",
            "https://[ff02::1]/",
            "https://[2001:db8::1]/",
        ] {
            assert!(matches!(guard.check(bad), Err(AddressFault::NotPublic(_))), "{bad}: {:?}", guard.check(bad));
        }
        for bad in ["http://shop.example/", "ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example/"] {
            assert!(guard.check(bad).is_err(), "{bad}");
        }
        for bad in ["https://a:b@shop.example/", "https://shop.example/#x", "https://shop.example/ x", "/hook", ""] {
            assert_eq!(guard.check(bad), Err(AddressFault::Form), "{bad}");
        }
        for good in ["https://shop.example/hook?x=1", "https://8.8.8.8:8443/", "https://[2606:4700::1111]/"] {
            assert!(guard.check(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_sandbox_may_reach_this_machine_and_nothing_else_inside() {
        let guard = Guard { allow_loopback: true };
        for good in ["http://127.0.0.1:8080/hook", "http://localhost/hook", "http://[::1]/hook"] {
            assert!(guard.check(good).is_ok(), "{good}");
        }
        for bad in ["http://10.0.0.1/", "http://shop.example/", "https://169.254.169.254/"] {
            assert!(guard.check(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_resolved() {
        let name: Name = "localhost".parse().expect("a name");
        assert!(Guard::default().resolve(name).await.is_err());
        let name: Name = "localhost".parse().expect("a name");
        assert!(Guard { allow_loopback: true }.resolve(name).await.is_ok());
    }
}
