//! The addresses that somebody else's word may lead to: a redirect of a source, or the URL of a subscriber's webhook. It must
//! not make this program ask what only this machine or its network can reach, unless that is allowed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The network that an address is in, from outside to inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Anywhere in the world.
    Public,
    /// In a private network (RFC 1918, RFC 4193, RFC 6598).
    Private,
    /// On this machine, on its link (there clouds keep the machine's own secrets), or nowhere.
    Machine,
}

impl Reach {
    /// The reach of an address.
    pub fn of_ip(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => {
                let segments = ip.segments();
                if let Some(inner) = ip.to_ipv4_mapped() {
                    return Self::of_v4(inner);
                }
                if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
                    // NAT64 (RFC 6052): the IPv4 address stands at the end
                    let [.., a, b, c, d] = ip.octets();
                    return Self::of_v4(Ipv4Addr::new(a, b, c, d));
                }
                if ip.is_loopback()
                    || ip.is_unspecified()
                    || ip.is_multicast()
                    || ip.is_unicast_link_local()
                {
                    Self::Machine
                } else if ip.is_unique_local() {
                    Self::Private
                } else {
                    Self::Public
                }
            }
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Self {
        let [first, second, ..] = ip.octets();
        if ip.is_loopback()
            || first == 0
            || ip.is_link_local()
            || ip.is_multicast()
            || ip.is_broadcast()
        {
            Self::Machine
        } else if ip.is_private() || (first == 100 && (64..128).contains(&second)) {
            Self::Private
        } else {
            Self::Public
        }
    }

    /// The reach of a URL's host, as far as it can be told without asking for a name.
    pub fn of_host(url: &Url) -> Option<Self> {
        match url.host()? {
            Host::Ipv4(ip) => Some(Self::of_ip(ip.into())),
            Host::Ipv6(ip) => Some(Self::of_ip(ip.into())),
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                (name == "localhost" || name.ends_with(".localhost")).then_some(Self::Machine)
            }
        }
    }

    /// The reach of a URL's host, by the innermost of its addresses; of a name that has none here, [`Reach::Public`].
    pub async fn of(url: &Url) -> Self {
        if let Some(reach) = Self::of_host(url) {
            return reach;
        }
        let name = url.host_str().unwrap_or_default();
        let addresses = tokio::net::lookup_host((name, 0)).await;
        let reaches = addresses
            .into_iter()
            .flatten()
            .map(|address| Self::of_ip(address.ip()));
        reaches.max().unwrap_or(Self::Public)
    }
}

/// Whether a URL is on this machine, where no proxy has any business.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => {
            let mapped = ip.to_ipv4_mapped();
            ip.is_loopback() || ip.is_unspecified() || mapped.is_some_and(|ip| ip.is_loopback())
        }
        Some(Host::Domain(_)) => Reach::of_host(url).is_some(),
        None => false,
    }
}

/// Resolves names to those of their addresses that are no further inside than this reach.
#[derive(Debug, Clone, Copy)]
pub struct WithinReach(pub Reach);

/// All addresses of a name are further inside than may be reached.
#[derive(Debug, thiserror::Error)]
#[error("that is an address of this machine or of its network, where the source itself is not")]
pub struct Inside;

impl Resolve for WithinReach {
    fn resolve(&self, name: Name) -> Resolving {
        let most = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed = |address: &SocketAddr| Reach::of_ip(address.ip()) <= most;
            let allowed: Vec<SocketAddr> = found.filter(allowed).collect();
            if allowed.is_empty() {
                return Err(Inside.into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_from_outside_to_inside() {
        for (reach, addresses) in [
            (
                Reach::Public,
                &["8.8.8.8", "100.63.0.1", "172.32.0.1", "2001:db8::1"][..],
            ),
            (
                Reach::Private,
                &[
                    "10.1.2.3",
                    "172.16.0.1",
                    "192.168.0.1",
                    "100.64.0.1",
                    "fd00::1",
                    "::ffff:10.0.0.1",
                    "64:ff9b::c0a8:1",
                ],
            ),
            (
                Reach::Machine,
                &[
                    "127.0.0.1",
                    "127.9.9.9",
                    "0.0.0.0",
                    "169.254.169.254",
                    "::1",
                    "::",
                    "fe80::1",
                    "::ffff:127.0.0.1",
                    "224.0.0.1",
                ],
            ),
        ] {
            for address in addresses {
                assert_eq!(Reach::of_ip(address.parse().unwrap()), reach, "{address}");
            }
        }
    }

    #[tokio::test]
    async fn names_that_lead_inside_are_not_found_from_outside() {
        let find = async |most| {
            WithinReach(most)
                .resolve("localhost".parse().unwrap())
                .await
        };
        let error = find(Reach::Public).await.err().unwrap();
        assert!(error.is::<Inside>(), "{error}");
        assert!(find(Reach::Machine).await.unwrap().count() > 0);
    }

    #[test]
    fn hosts_of_this_machine() {
        for (url, expected) in [
            ("http://127.0.0.1:5000/", true),
            ("http://localhost/", true),
            ("http://LOCALHOST./", true),
            ("http://api.localhost/", true),
            ("http://[::1]/", true),
            ("http://0x7f.1/", true),
            ("http://10.0.0.1/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
