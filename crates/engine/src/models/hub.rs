//! Asking a model hub for a file.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, LOCATION, RANGE,
};
use reqwest::{Client, Response, StatusCode, redirect};
use url::Url;

use super::checksum::is_sha256;
use super::pull_error::PullError;

/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How long the server may be silent.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// How many servers may point on to the next.
const MAX_REDIRECTS: usize = 10;

/// The hub's own names for the checksum and the length of a file that lies elsewhere; they
/// come with the redirect (<https://huggingface.co/docs/huggingface_hub>, file download).
const LINKED_ETAG: &str = "x-linked-etag";
const LINKED_SIZE: &str = "x-linked-size";

/// A model hub and the means to speak to it.
pub(super) struct Hub {
    client: Client,
    address: Url,
    token: Option<String>,
}

/// From where on a file is wanted, and of which version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resume<'a> {
    pub(super) offset: u64,
    pub(super) etag: Option<&'a str>,
}

/// What an answer brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// The file from its beginning.
    Whole,
    /// The file from where it was asked for.
    Rest,
    /// Another stretch of the file than was asked for.
    OtherRange,
    /// Nothing: the file ends where it was asked for, or before.
    NothingLeft,
}

/// An answer whose body is still to be read.
pub(super) struct Answer {
    pub(super) content: Content,
    /// The server's mark of this version, when it stands for the very bytes.
    pub(super) etag: Option<String>,
    /// The checksum the hub announces, in lower-case hex.
    pub(super) sha256: Option<String>,
    /// The length of the whole file, in bytes.
    pub(super) size: Option<u64>,
    pub(super) response: Response,
}

impl Hub {
    /// A hub at this address. The token goes to the hub alone, not to the servers it points to.
    pub(super) fn new(address: &Url, token: Option<&str>) -> Result<Self, PullError> {
        // A process that has chosen its provider already keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("moltbot/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .read_timeout(SILENCE_LIMIT)
            // After a cut the next request needs a connection of its own.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| PullError::NoClient {
                detail: root_cause(&error),
            })?;
        Ok(Self {
            client,
            address: address.clone(),
            token: token.filter(|it| !it.is_empty()).map(str::to_owned),
        })
    }

    /// Asks for a file and follows the redirects. `source_name` is its name for people.
    pub(super) async fn get(
        &self,
        url: &Url,
        resume: Option<Resume<'_>>,
        source_name: &str,
    ) -> Result<Answer, PullError> {
        let mut url = url.clone();
        let mut announced = Announced::default();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&url, resume).await?;
            announced.read(response.headers());
            if !is_redirect(response.status()) {
                return self.judge(&url, response, resume, announced, source_name);
            }
            let next = header(response.headers(), LOCATION.as_str())
                .and_then(|location| url.join(location).ok())
                .filter(|next| matches!(next.scheme(), "http" | "https"))
                .ok_or_else(|| bad_answer(&url, "with a redirect to nowhere", source_name))?;
            if url.scheme() == "https" && next.scheme() == "http" {
                let answer = "with a redirect to an unencrypted address";
                return Err(bad_answer(&url, answer, source_name));
            }
            url = next;
        }
        let answer = "with one redirect after another";
        Err(bad_answer(&url, answer, source_name))
    }

    async fn send(&self, url: &Url, resume: Option<Resume<'_>>) -> Result<Response, PullError> {
        let mut request = self
            .client
            .get(url.clone())
            .header(ACCEPT_ENCODING, "identity");
        if let Some(resume) = resume {
            request = request.header(RANGE, format!("bytes={}-", resume.offset));
            if let Some(etag) = resume.etag {
                request = request.header(IF_RANGE, etag);
            }
        }
        if let Some(token) = &self.token
            && url.origin() == self.address.origin()
        {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request
            .send()
            .await
            .map_err(|error| PullError::Unreachable {
                host: host(url),
                detail: root_cause(&error),
            })
    }

    /// Makes an answer of a response, or says why it is none.
    fn judge(
        &self,
        url: &Url,
        response: Response,
        resume: Option<Resume<'_>>,
        announced: Announced,
        source_name: &str,
    ) -> Result<Answer, PullError> {
        let headers = response.headers();
        let range = header(headers, CONTENT_RANGE.as_str()).and_then(ContentRange::parse);
        let range_total = range.and_then(|it| it.total).or(announced.size);
        let (content, size) = match response.status() {
            StatusCode::OK => {
                let size = response.content_length().or(announced.size);
                (Content::Whole, size)
            }
            StatusCode::PARTIAL_CONTENT => {
                let wanted = resume.map(|it| it.offset);
                let is_rest = range.is_some_and(|it| it.start.is_some() && it.start == wanted);
                let content = if is_rest {
                    Content::Rest
                } else {
                    Content::OtherRange
                };
                (content, range_total)
            }
            StatusCode::RANGE_NOT_SATISFIABLE if resume.is_some() => {
                (Content::NothingLeft, range_total)
            }
            refused => return Err(self.refusal(url, refused, source_name)),
        };
        let etag = header(headers, ETAG.as_str()).filter(|it| is_strong(it));
        Ok(Answer {
            content,
            etag: etag.map(str::to_owned),
            sha256: announced.sha256,
            size,
            response,
        })
    }

    fn refusal(&self, url: &Url, status: StatusCode, source_name: &str) -> PullError {
        let source_name = source_name.to_owned();
        match status {
            StatusCode::UNAUTHORIZED => PullError::Unauthorized {
                source_name,
                had_token: self.token.is_some(),
            },
            StatusCode::FORBIDDEN => PullError::Forbidden { source_name },
            StatusCode::NOT_FOUND | StatusCode::GONE => PullError::NotFound { source_name },
            other => bad_answer(url, &other.to_string(), &source_name),
        }
    }
}

fn bad_answer(url: &Url, answer: &str, source_name: &str) -> PullError {
    PullError::BadAnswer {
        host: host(url),
        answer: answer.to_owned(),
        source_name: source_name.to_owned(),
    }
}

/// What the hub says of a file on the way to it.
#[derive(Default)]
struct Announced {
    sha256: Option<String>,
    size: Option<u64>,
}

impl Announced {
    /// Only the first server to say it is believed: that is the hub.
    fn read(&mut self, headers: &HeaderMap) {
        if self.sha256.is_none() {
            self.sha256 = header(headers, LINKED_ETAG)
                .map(|it| it.trim_start_matches("W/").trim_matches('"'))
                .filter(|it| is_sha256(it))
                .map(str::to_ascii_lowercase);
        }
        if self.size.is_none() {
            self.size = header(headers, LINKED_SIZE).and_then(|it| it.parse().ok());
        }
    }
}

/// `bytes 5-9/10`, `bytes */10` or `bytes 5-9/*` (RFC 9110, section 14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentRange {
    start: Option<u64>,
    total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
        let start = match range.trim() {
            "*" => None,
            range => Some(range.split_once('-')?.0.trim().parse().ok()?),
        };
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        Some(Self { start, total })
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Whether a mark stands for the very bytes; a weak one cannot guard a range
/// (RFC 9110, section 13.1.5).
fn is_strong(etag: &str) -> bool {
    etag.len() >= 2 && etag.starts_with('"') && etag.ends_with('"')
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn host(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => url.to_string(),
    }
}

/// The innermost cause: the outer ones only repeat the address, which may carry a signature.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::{ContentRange, is_strong};

    #[test]
    fn ranges_are_read_as_the_standard_writes_them() {
        let range = |start, total| Some(ContentRange { start, total });
        assert_eq!(
            ContentRange::parse("bytes 5-9/10"),
            range(Some(5), Some(10))
        );
        assert_eq!(ContentRange::parse("bytes */10"), range(None, Some(10)));
        assert_eq!(ContentRange::parse("bytes 5-9/*"), range(Some(5), None));
        for broken in [
            "",
            "bytes",
            "bytes 5",
            "lines 1-2/3",
            "bytes x-9/10",
            "bytes 1-2/-3",
        ] {
            assert_eq!(ContentRange::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn only_strong_marks_guard_a_range() {
        assert!(is_strong("\"abc\""));
        assert!(!is_strong("W/\"abc\""));
        assert!(!is_strong("abc"));
        assert!(!is_strong("\""));
    }

    proptest::proptest! {
        #[test]
        fn no_range_panics(text: String) {
            let _ = ContentRange::parse(&text);
        }
    }
}
