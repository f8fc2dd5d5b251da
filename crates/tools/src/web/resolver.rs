//! Names to addresses, with the private ones left out before a connection is made.
//!
//! The addresses that are checked here are those that are connected to: there is no second look-up between the check
//! and the connection for a name server to answer differently.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::addresses::{AddressError, is_public};

/// Finds the addresses of a name.
pub trait Lookup: Send + Sync {
    /// All addresses of this name.
    fn addresses(
        &self,
        name: String,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
}

/// Asks the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn addresses(
        &self,
        name: String,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// A look-up as the HTTP client asks for it.
pub(crate) struct Resolver {
    pub(crate) lookup: Arc<dyn Lookup>,
    /// Whether private addresses are left out.
    pub(crate) only_public: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.lookup.addresses(name.as_str().to_owned());
        let only_public = self.only_public;
        Box::pin(async move {
            let mut addresses = found.await?;
            let had_some = !addresses.is_empty();
            if only_public {
                addresses.retain(|address| is_public(*address));
            }
            if addresses.is_empty() && had_some {
                return Err(AddressError::Resolved.into());
            }
            // The port 0 stands for that of the URL.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    struct Fixed(Vec<IpAddr>);

    impl Lookup for Fixed {
        fn addresses(
            &self,
            _name: String,
        ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
            let addresses = self.0.clone();
            Box::pin(async move { Ok(addresses) })
        }
    }

    async fn resolve(addresses: &[&str], only_public: bool) -> Result<Vec<String>, String> {
        let addresses = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        let resolver = Resolver {
            lookup: Arc::new(Fixed(addresses)),
            only_public,
        };
        match resolver.resolve("name.example".parse().unwrap()).await {
            Ok(found) => Ok(found.map(|address| address.to_string()).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[tokio::test]
    async fn private_addresses_are_left_out() {
        let mixed = [
            "10.0.0.1",
            "93.184.216.34",
            "::1",
            "2606:4700::1111",
            "::ffff:127.0.0.1",
        ];
        assert_eq!(
            resolve(&mixed, true).await.unwrap(),
            ["93.184.216.34:0", "[2606:4700::1111]:0"]
        );
        assert_eq!(resolve(&mixed, false).await.unwrap().len(), mixed.len());
        let error = resolve(&["127.0.0.1", "169.254.169.254"], true)
            .await
            .unwrap_err();
        assert_eq!(error, AddressError::Resolved.to_string());
        assert!(resolve(&[], true).await.unwrap().is_empty());
    }
}
