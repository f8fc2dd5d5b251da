//! Getting what stands at a URL, redirects followed and checked one by one.

use std::error::Error as _;
use std::sync::{Arc, OnceLock};

use moltbot_llm::{client_builder, innermost_cause};
use reqwest::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION};
use thiserror::Error;
use url::Url;

use super::addresses::{AddressError, Origin, check, check_form};
use super::resolver::{Lookup, Resolver};

/// What stood at a URL.
#[derive(Debug)]
pub(crate) struct Download {
    /// Where it stood, after all redirects.
    pub(crate) url: Url,
    pub(crate) status: u16,
    /// As the server said it; empty where it did not.
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body goes on behind what was read.
    pub(crate) is_cut: bool,
}

/// Why there is no download.
#[derive(Debug, Error)]
pub(crate) enum DownloadError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("The page redirects to where it may not lead. {0}")]
    Redirect(AddressError),
    #[error("The page redirects in a circle.")]
    Circle,
    #[error("The page redirects more than {0} times.")]
    TooManyRedirects(u32),
    #[error("{host} could not be reached: {cause}.")]
    Unreachable { host: String, cause: String },
    #[error("The connection to {host} broke off: {cause}.")]
    Broken { host: String, cause: String },
    #[error("{0} sent the page compressed, which was not asked for. Try another page.")]
    Compressed(String),
    #[error("There is no HTTP client on this machine: {0}.")]
    NoClient(String),
}

/// Downloads what stands at public addresses and at configured servers.
pub(crate) struct Downloader {
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) max_redirects: u32,
    pub(crate) user_agent: String,
    /// What is asked for, best first: the header `Accept`.
    pub(crate) accepted: &'static str,
    /// For all addresses but those of configured servers: connects to public addresses only.
    pub(crate) guarded: OnceLock<Result<reqwest::Client, String>>,
    /// For configured servers.
    pub(crate) trusted: OnceLock<Result<reqwest::Client, String>>,
}

impl Downloader {
    /// Gets what stands at a URL, at most `limit` bytes of it.
    pub(crate) async fn get(&self, url: &Url, limit: usize) -> Result<Download, DownloadError> {
        let mut url = url.clone();
        self.admit(&url, None)?;
        let mut seen = vec![url.clone()];
        loop {
            let response = self.ask(&url).await?;
            let Some(next) = redirect(&url, &response) else {
                return read(url, response, limit).await;
            };
            let next = next.map_err(DownloadError::Redirect)?;
            self.admit(&next, Some(&url))
                .map_err(DownloadError::Redirect)?;
            if seen.contains(&next) {
                return Err(DownloadError::Circle);
            }
            if seen.len() > self.max_redirects as usize {
                return Err(DownloadError::TooManyRedirects(self.max_redirects));
            }
            seen.push(next.clone());
            url = next;
        }
    }

    /// Whether a URL may be asked. A page may not redirect to a configured server other than its own: that the owner
    /// trusts the server does not mean that others may say what it is asked.
    fn admit(&self, url: &Url, from: Option<&Url>) -> Result<(), AddressError> {
        let is_own = from.is_none_or(|from| from.origin() == url.origin());
        match is_own && self.is_configured(url) {
            true => check_form(url),
            false => check(url),
        }
    }

    fn is_configured(&self, url: &Url) -> bool {
        self.origins.iter().any(|origin| origin.holds(url))
    }

    async fn ask(&self, url: &Url) -> Result<reqwest::Response, DownloadError> {
        let client = self
            .client(self.is_configured(url))
            .map_err(DownloadError::NoClient)?;
        let asked = client.get(url.clone()).header(ACCEPT, self.accepted);
        asked.send().await.map_err(|error| match blocked(&error) {
            Some(blocked) => blocked.into(),
            None => DownloadError::Unreachable {
                host: host(url),
                cause: innermost_cause(&error),
            },
        })
    }

    fn client(&self, trusted: bool) -> Result<&reqwest::Client, String> {
        let slot = if trusted {
            &self.trusted
        } else {
            &self.guarded
        };
        slot.get_or_init(|| {
            let resolver = Resolver {
                lookup: Arc::clone(&self.lookup),
                only_public: !trusted,
            };
            client_builder()
                // A proxy would do the look-up itself, out of reach of the check.
                .no_proxy()
                .dns_resolver(Arc::new(resolver))
                .user_agent(&self.user_agent)
                .build()
                .map_err(|error| innermost_cause(&error))
        })
        .as_ref()
        .map_err(Clone::clone)
    }
}

/// Where a response sends its reader; `None` where it is not a redirect.
fn redirect(from: &Url, response: &reqwest::Response) -> Option<Result<Url, AddressError>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = header(response.headers(), &LOCATION)?;
    Some(from.join(&location).map_err(|_| AddressError::Invalid))
}

async fn read(
    url: Url,
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Download, DownloadError> {
    let headers = response.headers();
    let coding = header(headers, &CONTENT_ENCODING).unwrap_or_default();
    if !matches!(coding.trim(), "" | "identity") {
        return Err(DownloadError::Compressed(host(&url)));
    }
    let content_type = header(headers, &CONTENT_TYPE).unwrap_or_default();
    let status = response.status().as_u16();
    let mut body = Vec::new();
    let mut is_cut = false;
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| DownloadError::Broken {
            host: host(&url),
            cause: innermost_cause(&error),
        })?;
        let Some(chunk) = chunk else { break };
        let room = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            is_cut = true;
            break;
        }
    }
    Ok(Download {
        url,
        status,
        content_type,
        body,
        is_cut,
    })
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// The address error that ended a look-up.
fn blocked(error: &reqwest::Error) -> Option<AddressError> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(blocked) = error.downcast_ref::<AddressError>() {
            return Some(blocked.clone());
        }
        cause = error.source();
    }
    None
}
