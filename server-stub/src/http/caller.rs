//! Who sent a request, as far as an address tells.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;

/// What a proxy appends the address to, from which a request came to it.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The addresses that a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Of the connection; nothing in a test without one.
    peer: Option<IpAddr>,
    /// What the last proxy says; anything before that is what strangers say.
    forwarded: Option<IpAddr>,
}

impl Caller {
    /// The address that limits go by. Behind a proxy that tells none, everyone shares the proxy's.
    pub fn address(self, behind_proxy: bool) -> Option<IpAddr> {
        self.forwarded.filter(|_| behind_proxy).or(self.peer)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let last = parts.headers.get_all(FORWARDED_FOR).iter().next_back().and_then(|value| value.to_str().ok());
        let last = last.and_then(|list| list.rsplit(',').next());
        Ok(Self { peer, forwarded: last.and_then(|address| address.trim().parse().ok()) })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn caller(headers: &[&str]) -> Caller {
        let mut request = Request::new(());
        for header in headers {
            request.headers_mut().append(FORWARDED_FOR, header.parse().expect("a header"));
        }
        let peer = SocketAddr::from(([192, 0, 2, 9], 4_000));
        request.extensions_mut().insert(ConnectInfo(peer));
        let (mut parts, ()) = request.into_parts();
        let Ok(caller) = Caller::from_request_parts(&mut parts, &()).await;
        caller
    }

    #[tokio::test]
    async fn only_what_our_own_proxy_says_counts() {
        let (peer, shopper): (IpAddr, IpAddr) = ([192, 0, 2, 9].into(), [198, 51, 100, 7].into());
        for headers in [&["10.0.0.1, 198.51.100.7"][..], &["203.0.113.1", "198.51.100.7"], &["198.51.100.7"]] {
            let caller = caller(headers).await;
            assert_eq!(caller.address(true), Some(shopper), "{headers:?}");
            assert_eq!(caller.address(false), Some(peer), "without a proxy, anyone can write this header");
        }
        assert_eq!(caller(&["198.51.100.7, unknown"]).await.address(true), Some(peer));
        assert_eq!(caller(&[]).await.address(true), Some(peer));
    }
}
