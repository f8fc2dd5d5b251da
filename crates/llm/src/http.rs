//! The HTTP backend: posts what a dialect encoded, feeds what comes back to its decoder.

mod body;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};

use crate::backend::{Backend, EventSink, Reply};
use crate::clocks::{CONNECT, Clocks};
use crate::credentials::Credentials;
use crate::dialect::{Decoder, encode};
use crate::endpoint::Endpoint;
use crate::event::{Event, Phase};
use crate::failure::{Failure, FailureClass, classify};
use crate::loading;
use crate::model::{Api, Model};
use crate::request::Request;
use crate::tokens::estimate;

use body::{Break, Source};

/// An error body is read up to this many bytes; no server's explanation is longer.
const ERROR_BODY_LIMIT: usize = 256 * 1024;

/// The next piece of an error body is waited for this long: the status says nearly all.
const ERROR_BODY_SILENCE: Duration = Duration::from_secs(10);

/// Speaks to model servers over HTTP.
pub struct HttpBackend {
    credentials: Arc<Credentials>,
    clients: Clients,
    clocks: Option<Clocks>,
}

/// What every HTTP client of this program starts from: the TLS provider in place, a limit on connecting, no redirect
/// followed, and the program's name.
pub fn client_builder() -> reqwest::ClientBuilder {
    // Fails only where a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        // Keys and the owner's own headers go nowhere but where the owner pointed.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("moltbot/", env!("CARGO_PKG_VERSION")))
}

/// Clients for the addresses that the owner configured, made when first needed.
///
/// One for plain connections and one for TLS: the second reads the machine's certificates, which costs more than
/// a whole local turn and is not paid by those who never leave their machine.
#[derive(Default)]
pub struct Clients {
    plain: OnceLock<Result<reqwest::Client, String>>,
    tls: OnceLock<Result<reqwest::Client, String>>,
}

impl Clients {
    /// The client for a URL.
    ///
    /// # Errors
    /// The system gives none: its certificates cannot be read, say.
    pub fn of(&self, url: &str) -> Result<&reqwest::Client, String> {
        let tls = url.starts_with("https:");
        let slot = if tls { &self.tls } else { &self.plain };
        slot.get_or_init(|| {
            // HTTPS_PROXY is for reaching vendors; a server in the house is reached directly.
            let builder = if tls {
                client_builder()
            } else {
                client_builder().no_proxy().tls_certs_only([])
            };
            builder.build().map_err(|error| chain(&error))
        })
        .as_ref()
        .map_err(Clone::clone)
    }
}

impl HttpBackend {
    /// A backend that signs requests with these credentials. Connections are made when first needed.
    pub fn new(credentials: Arc<Credentials>) -> Self {
        Self {
            credentials,
            clients: Clients::default(),
            clocks: None,
        }
    }

    /// With these limits for every request, instead of those that fit each.
    #[must_use]
    pub fn with_clocks(mut self, clocks: Clocks) -> Self {
        self.clocks = Some(clocks);
        self
    }
}

#[async_trait]
impl Backend for HttpBackend {
    async fn stream(
        &self,
        model: &Model,
        request: &Request,
        events: EventSink<'_>,
    ) -> Result<Reply, Failure> {
        let fail = |class, detail: String| Failure::new(class, model, detail);
        let url = Endpoint::new(model).reply_url(&model.reference.model);
        let client = self
            .clients
            .of(&url)
            .map_err(|e| fail(FailureClass::Unreachable, e))?;
        let credential = self.credentials.of(model);
        // The owner's headers may hold what signs the request.
        if credential.is_none() && !model.is_local() && model.headers.is_empty() {
            return Err(fail(
                FailureClass::Auth,
                format!(
                    "no API key found for provider \"{}\"",
                    model.reference.provider
                ),
            ));
        }
        let headers = headers(model, credential.as_ref().map(|c| c.secret())).map_err(|name| {
            fail(
                FailureClass::BadRequest,
                format!("the header {name} has a value that cannot be sent"),
            )
        })?;
        let clocks = self
            .clocks
            .unwrap_or_else(|| Clocks::of(model, estimate(model, request)));
        events(Event::Phase(Phase::Waiting));
        let asked = client
            .post(&url)
            .headers(headers)
            .body(encode(model, request));
        let answered = first_bytes(model, asked);
        let secret = credential.as_ref().map(|c| c.secret());
        let watched = async {
            tokio::select! {
                answered = answered => answered,
                never = loading::watch(model, secret, clocks.quiet, &mut *events) => match never {},
            }
        };
        let (mut response, first) = tokio::time::timeout(clocks.first_byte, watched)
            .await
            .map_err(|_| {
                let limit = clocks.first_byte.as_secs_f64();
                fail(
                    FailureClass::Timeout,
                    format!("no first byte within {limit} s"),
                )
            })??;
        let mut decoder = Decoder::new(model, request, now_ms() as u64);
        let broken = match first {
            Ok(first) => {
                let silence = clocks.silence;
                body::read(first, &mut response, silence, &mut decoder, &mut *events).await
            }
            Err(cause) => Err(Break::Cut(cause)),
        };
        let mut rest = Vec::new();
        let result = decoder.finish(&mut rest);
        rest.into_iter().for_each(events);
        match (result, broken) {
            (Ok(mut reply), _) => {
                reply.message.timestamp = now_ms();
                Ok(reply)
            }
            // What came before the break may already be an error with a reason in it.
            (Err(failure), Err(broken))
                if matches!(
                    failure.class,
                    FailureClass::StreamCut | FailureClass::EmptyReply | FailureClass::BadReply
                ) =>
            {
                let (class, detail) = match broken {
                    Break::Cut(cause) => (FailureClass::StreamCut, cause),
                    Break::Silent(limit) => {
                        let limit = limit.as_secs_f64();
                        (FailureClass::Timeout, format!("no byte for {limit} s"))
                    }
                };
                Err(Failure {
                    after_text: failure.after_text,
                    ..fail(class, detail)
                })
            }
            (Err(failure), _) => Err(failure),
        }
    }
}

/// Sends a request and waits for the reply to begin: its first bytes, or why there are none though it was a good reply.
async fn first_bytes(
    model: &Model,
    request: reqwest::RequestBuilder,
) -> Result<(reqwest::Response, Result<Option<Bytes>, String>), Failure> {
    let mut response = request
        .send()
        .await
        .map_err(|error| from_transport(model, &error))?;
    let status = response.status();
    if status.is_redirection() {
        return Err(redirected(model, &response));
    }
    if !status.is_success() {
        return Err(refusal(model, response).await);
    }
    let first = Source::chunk(&mut response).await;
    Ok((response, first))
}

/// The headers of a request; `Err` names the one whose value is not fit for HTTP.
pub(crate) fn headers(model: &Model, key: Option<&str>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let secret = |name: &str, value: String| -> Result<HeaderValue, String> {
        let mut value = HeaderValue::from_str(&value).map_err(|_| name.to_owned())?;
        value.set_sensitive(true);
        Ok(value)
    };
    if model.api == Api::AnthropicMessages {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        if let Some(key) = key {
            // Tokens of a subscription are bearers; keys have a header of their own.
            if key.starts_with("sk-ant-oat") {
                headers.insert(
                    AUTHORIZATION,
                    secret("authorization", format!("Bearer {key}"))?,
                );
                headers.insert(
                    "anthropic-beta",
                    HeaderValue::from_static("oauth-2025-04-20"),
                );
            } else {
                headers.insert("x-api-key", secret("x-api-key", key.to_owned())?);
                if model.auth_header {
                    headers.insert(
                        AUTHORIZATION,
                        secret("authorization", format!("Bearer {key}"))?,
                    );
                }
            }
        }
    } else if let Some(key) = key {
        let native = (model.api == Api::GoogleGenerativeAi).then_some("x-goog-api-key");
        if let Some(name) = native {
            headers.insert(name, secret(name, key.to_owned())?);
        }
        if native.is_none() || model.auth_header {
            headers.insert(
                AUTHORIZATION,
                secret("authorization", format!("Bearer {key}"))?,
            );
        }
    }
    for (name, value) in &model.headers {
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| name.clone())?;
        headers.insert(header, secret(name, value.clone())?);
    }
    Ok(headers)
}

/// A redirect is not followed: it would carry the key to a place that the owner did not name.
fn redirected(model: &Model, response: &reqwest::Response) -> Failure {
    let place = response
        .headers()
        .get(LOCATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("another place");
    Failure {
        status: Some(response.status().as_u16()),
        ..Failure::new(
            FailureClass::WrongEndpoint,
            model,
            format!("it redirects to {place}"),
        )
    }
}

async fn refusal(model: &Model, mut response: reqwest::Response) -> Failure {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let mut body = Vec::new();
    // A body that breaks off still says what its beginning says.
    while body.len() < ERROR_BODY_LIMIT {
        match tokio::time::timeout(ERROR_BODY_SILENCE, response.chunk()).await {
            Ok(Ok(Some(bytes))) => body.extend_from_slice(&bytes),
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&body);
    // A stream can carry its error under a bad status too.
    let text = text
        .lines()
        .find_map(|line| line.strip_prefix("data:"))
        .unwrap_or(&text);
    Failure::from_verdict(
        model,
        Some(status),
        classify(status, retry_after.as_deref(), text),
    )
}

fn from_transport(model: &Model, error: &reqwest::Error) -> Failure {
    let class = if error.is_connect() {
        FailureClass::Unreachable
    } else if error.is_builder() {
        FailureClass::WrongEndpoint
    } else {
        FailureClass::StreamCut
    };
    Failure::new(class, model, chain(error))
}

/// The innermost cause, which is what helps: "Connection refused", not "error sending request".
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Milliseconds since the Unix epoch.
fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
