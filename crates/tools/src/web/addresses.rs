//! Which addresses a URL that a model chose may lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use thiserror::Error;
use url::{Host, Url};

/// A server that the owner configured: it may be reached though it is in the house.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(url::Origin);

impl Origin {
    /// The origin (scheme, host, port) of a URL, where it is one of http or https.
    pub fn of(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| Self(url.origin()))
    }

    /// Whether a URL leads there.
    pub(crate) fn holds(&self, url: &Url) -> bool {
        self.0 == url.origin()
    }
}

/// Why a URL is not fetched.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// It is no URL, or one of another scheme.
    #[error("Invalid URL: must be http or https.")]
    Invalid,
    /// It holds a name or password.
    #[error(
        "Blocked: the URL holds a user name or password. Use the URL without what stands before the @."
    )]
    Credentials,
    /// A name that only means something on this machine or in this house.
    #[error("Blocked hostname: {0}. Only servers on the public internet can be fetched.")]
    Name(String),
    /// An address that is not on the public internet.
    #[error(
        "Blocked: private/internal IP address. Only servers on the public internet can be fetched."
    )]
    Address,
    /// A name all of whose addresses are not on the public internet.
    #[error(
        "Blocked: resolves to private/internal IP address. Only servers on the public internet can be fetched."
    )]
    Resolved,
}

/// Reads a URL as a model wrote it, of any server.
pub(crate) fn read(text: &str) -> Result<Url, AddressError> {
    let url = Url::parse(text.trim()).map_err(|_| AddressError::Invalid)?;
    check_form(&url)?;
    Ok(url)
}

/// What holds for every server: http or https, and no password in sight.
pub(crate) fn check_form(url: &Url) -> Result<(), AddressError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressError::Invalid);
    }
    match url.username().is_empty() && url.password().is_none() {
        true => Ok(()),
        false => Err(AddressError::Credentials),
    }
}

/// Checks all that can be told of a URL without asking anybody. Its host may still resolve to somewhere private.
pub(crate) fn check(url: &Url) -> Result<(), AddressError> {
    check_form(url)?;
    // The URL standard reads 2130706433, 0x7f.1 and 0177.0.0.1 as addresses, and so they are none here.
    match url.host() {
        None => Err(AddressError::Invalid),
        Some(Host::Ipv4(ip)) if !is_public(ip.into()) => Err(AddressError::Address),
        Some(Host::Ipv6(ip)) if !is_public(ip.into()) => Err(AddressError::Address),
        Some(Host::Domain(name)) if is_inner_name(name) => Err(AddressError::Name(name.to_owned())),
        Some(_) => Ok(()),
    }
}

/// Names that are never on the public internet, whatever a name server says.
fn is_inner_name(name: &str) -> bool {
    const LAST: &[&str] = &["localhost", "local", "internal"];
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    name.is_empty() || LAST.contains(&last) || name == "home.arpa" || name.ends_with(".home.arpa")
}

/// Networks of IPv4 that are not the public internet: IANA's registry of special-purpose addresses, and what comes
/// close to it.
const NOT_PUBLIC_V4: &[Ipv4Net] = &[
    v4([0, 0, 0, 0], 8),        // this network; 0.0.0.0 is this machine
    v4([10, 0, 0, 0], 8),       // private
    v4([100, 64, 0, 0], 10),    // carrier-grade NAT; a cloud's metadata at 100.100.100.200
    v4([127, 0, 0, 0], 8),      // loopback
    v4([168, 63, 129, 16], 32), // a cloud's own services for its machines
    v4([169, 254, 0, 0], 16),   // link-local; metadata of most clouds
    v4([172, 16, 0, 0], 12),    // private
    v4([192, 0, 0, 0], 24),     // protocol assignments; a cloud's metadata at 192.0.0.192
    v4([192, 0, 2, 0], 24),     // documentation
    v4([192, 88, 99, 0], 24),   // relays of 6to4
    v4([192, 168, 0, 0], 16),   // private
    v4([198, 18, 0, 0], 15),    // benchmarks
    v4([198, 51, 100, 0], 24),  // documentation
    v4([203, 0, 113, 0], 24),   // documentation
    v4([224, 0, 0, 0], 4),      // multicast
    v4([240, 0, 0, 0], 4),      // reserved, broadcast
];

/// The only part of IPv6 that is the public internet. Outside of it lie loopback, unspecified, IPv4 in every mapped or
/// translated form (`::ffff:0:0/96`, `64:ff9b::/96`), unique local, link-local, site-local and multicast addresses.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0], 3);

/// What is not public within that part.
const NOT_PUBLIC_V6: &[Ipv6Net] = &[
    v6([0x2001, 0], 23),      // protocol assignments: Teredo, benchmarks, ORCHID
    v6([0x2001, 0x0db8], 32), // documentation
    v6([0x2002, 0], 16),      // 6to4, which holds an IPv4 address
    v6([0x3fff, 0], 20),      // documentation
];

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: [u16; 2], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first[0], first[1], 0, 0, 0, 0, 0, 0), prefix)
}

/// Whether an address is on the public internet: not this machine, its network, a cloud's metadata service, or IPv4
/// dressed as IPv6.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => !NOT_PUBLIC_V4.iter().any(|net| net.contains(&ip)),
        IpAddr::V6(ip) => {
            GLOBAL_V6.contains(&ip) && !NOT_PUBLIC_V6.iter().any(|net| net.contains(&ip))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn judge(text: &str) -> Result<(), AddressError> {
        read(text).and_then(|url| check(&url))
    }

    #[test]
    fn every_way_to_write_an_inner_address_is_refused() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1:8080/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://017700000001/",
            "http://127.0.0.1./",
            "http://①②⑦.⓪.⓪.①/",
            "http://%31%32%37.0.0.1/",
            "http:127.0.0.1/",
            "http:\\\\127.0.0.1\\",
            "http://0/",
            "http://0.0.0.0:80/",
            "http://10.1.2.3/",
            "http://172.31.255.255/",
            "http://192.168.1.1:3000/",
            "http://100.64.0.1/",
            "http://100.100.100.200/latest/meta-data/",
            "http://169.254.169.254/latest/meta-data/",
            "http://0xa9fea9fe/",
            "http://2852039166/",
            "http://168.63.129.16/",
            "http://192.0.0.192/",
            "http://192.0.2.1/",
            "http://198.51.100.7/",
            "http://203.0.113.7/",
            "http://198.18.0.1/",
            "http://224.0.0.1/",
            "http://240.0.0.1/",
            "http://255.255.255.255/",
            "http://[::]/",
            "http://[::1]:8080/",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[::ffff:8.8.8.8]/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[64:ff9b::808:808]/",
            "http://[64:ff9b:1::1]/",
            "http://[2002:7f00:1::]/",
            "http://[2001:0:7f00:1::]/",
            "http://[2001:db8::1]/",
            "http://[3fff::1]/",
            "http://[fe80::1]/",
            "http://[fec0::1]/",
            "http://[fc00::1]/",
            "http://[fd00:ec2::254]/",
            "http://[ff02::1]/",
            "http://[100::1]/",
        ] {
            assert_eq!(judge(url), Err(AddressError::Address), "{url}");
        }
    }

    #[test]
    fn names_of_the_house_are_refused() {
        for (url, name) in [
            ("http://localhost/", "localhost"),
            ("http://LOCALHOST.:1234/", "localhost."),
            ("http://a.b.localhost/", "a.b.localhost"),
            ("http://printer.local/", "printer.local"),
            (
                "http://metadata.google.internal/computeMetadata/v1/",
                "metadata.google.internal",
            ),
            ("http://nas.home.arpa/", "nas.home.arpa"),
        ] {
            assert_eq!(
                judge(url),
                Err(AddressError::Name(name.to_owned())),
                "{url}"
            );
        }
    }

    #[test]
    fn other_schemes_and_passwords_are_refused() {
        for url in [
            "",
            "example.com",
            "file:///etc/passwd",
            "ftp://example.com/",
            "data:text/html,x",
            "javascript:alert(1)",
            "http://",
            "gopher://example.com/",
            "http://exa mple.com/",
        ] {
            assert_eq!(judge(url), Err(AddressError::Invalid), "{url}");
        }
        for url in [
            "http://user@example.com/",
            "http://user:secret@example.com/",
            "http://:secret@example.com/",
            "https://example.com@127.0.0.1/",
        ] {
            assert_eq!(judge(url), Err(AddressError::Credentials), "{url}");
        }
    }

    #[test]
    fn the_public_internet_is_allowed_on_any_port() {
        for url in [
            "http://example.com/",
            " https://example.com:8443/a?b#c ",
            "http://93.184.216.34/",
            "http://172.32.0.1/",
            "http://100.128.0.1/",
            "http://[2606:4700::1111]:81/",
            "http://localhost.example.com/",
            "https://bücher.example/",
        ] {
            assert!(judge(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = Origin::of("http://127.0.0.1:8888/searx/").unwrap();
        for (url, same) in [
            ("http://127.0.0.1:8888/other", true),
            ("http://127.1:8888/", true),
            ("http://127.0.0.1:8889/", false),
            ("http://127.0.0.1/", false),
            ("https://127.0.0.1:8888/", false),
            ("http://localhost:8888/", false),
        ] {
            assert_eq!(origin.holds(&Url::parse(url).unwrap()), same, "{url}");
        }
        assert_eq!(Origin::of("file:///etc"), None);
        assert_eq!(Origin::of("no url"), None);
    }

    /// The same question answered bit by bit, without a table of networks.
    fn is_special_v4(ip: Ipv4Addr) -> bool {
        let [a, b, c, d] = ip.octets();
        ip.is_loopback()
            || ip.is_private()
            || ip.is_link_local()
            || ip.is_multicast()
            || ip.is_documentation()
            || a == 0
            || a >= 240
            || (a == 100 && b & 0b1100_0000 == 64)
            || (a == 198 && b & 0b1111_1110 == 18)
            || (a, b, c) == (192, 0, 0)
            || (a, b, c) == (192, 88, 99)
            || (a, b, c, d) == (168, 63, 129, 16)
    }

    fn is_special_v6(ip: Ipv6Addr) -> bool {
        let [a, b, ..] = ip.segments();
        a >> 13 != 1
            || (a == 0x2001 && (b < 0x200 || b == 0xdb8))
            || a == 0x2002
            || (a == 0x3fff && b < 0x1000)
    }

    proptest! {
        #[test]
        fn an_ipv4_address_is_public_or_special(
            near in prop_oneof![
                any::<u32>(),
                // Close to the edge of a network.
                (0..NOT_PUBLIC_V4.len(), -2_i64..=2, any::<bool>()).prop_map(|(at, by, end)| {
                    let net = NOT_PUBLIC_V4[at];
                    let edge = if end { net.broadcast() } else { net.network() };
                    (i64::from(u32::from(edge)) + by).clamp(0, u32::MAX.into()) as u32
                }),
            ]
        ) {
            let ip = Ipv4Addr::from(near);
            prop_assert_eq!(is_public(ip.into()), !is_special_v4(ip), "{}", ip);
            let refused = judge(&format!("http://{near}/")).is_err();
            prop_assert_eq!(refused, is_special_v4(ip), "{}", ip);
        }

        #[test]
        fn an_ipv6_address_is_public_or_special(
            bits in prop_oneof![
                any::<u128>(),
                any::<u128>().prop_map(|low| (0x2000 << 112) | (low >> 3)),
                (0..NOT_PUBLIC_V6.len(), 0_u128..4, any::<bool>()).prop_map(|(at, by, end)| {
                    let net = NOT_PUBLIC_V6[at];
                    match end {
                        true => u128::from(net.broadcast()) - 1 + by,
                        false => u128::from(net.network()) - 1 + by,
                    }
                }),
            ]
        ) {
            let ip = Ipv6Addr::from(bits);
            prop_assert_eq!(is_public(ip.into()), !is_special_v6(ip), "{}", ip);
        }

        #[test]
        fn ipv4_dressed_as_ipv6_is_never_public(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from(bits);
            let bits = u128::from(bits);
            for dressed in [
                v4.to_ipv6_mapped(),
                v4.to_ipv6_compatible(),
                Ipv6Addr::from((0x64_ff9b_u128 << 96) | bits),
                Ipv6Addr::from((0x2002_u128 << 112) | (bits << 80)),
                Ipv6Addr::from((0x2001_u128 << 112) | (!bits & 0xffff_ffff)),
            ] {
                prop_assert!(!is_public(dressed.into()), "{}", dressed);
            }
        }

        #[test]
        fn any_text_is_a_url_or_an_error(text in any::<String>()) {
            let _ = judge(&text);
        }
    }
}
