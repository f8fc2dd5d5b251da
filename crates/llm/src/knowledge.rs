//! What is known of servers beyond the configuration: learned once, kept, and applied to each model before it is asked.

mod server;
mod told;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::backend::EventSink;
use crate::cooldown::{CooldownPolicy, Cooldowns, WallClock, machine_clock};
use crate::credentials::{Credential, Credentials};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::failure::{Failure, FailureClass};
use crate::listing::{self, ListingError, read_list};
use crate::lookup::Lookup;
use crate::model::{Api, Model};
use crate::probe::Probe;
use crate::probe::active::Asked;
use crate::records::{Records, ShortMemory};
use crate::repair::Repairs;
use crate::tokens::TokenCounter;
use server::{Server, Servers};

/// The kind of record that holds [`Repairs`].
const REPAIRS: &str = "repairs";

/// How long a turn waits at most to learn what its server is.
const LIMIT: Duration = Duration::from_secs(1);

/// What is known of servers and their models.
pub struct Knowledge {
    records: Arc<dyn Records>,
    cooldowns: Cooldowns,
    /// By [`key`]; `None` until they are first needed.
    repairs: Mutex<Option<HashMap<String, Repairs>>>,
    servers: Servers,
    /// `None`: servers are not asked.
    credentials: Option<Arc<Credentials>>,
    /// How long a turn waits at most.
    limit: Duration,
    tokens: TokenCounter,
}

impl Knowledge {
    /// What these records hold, and what will be added to them. No server is asked.
    pub fn new(records: Arc<dyn Records>) -> Self {
        Self::with_cooldowns(records, CooldownPolicy::default(), machine_clock())
    }

    /// The same, with the owner's cooldowns (`auth.cooldowns`), which run by this clock.
    pub fn with_cooldowns(
        records: Arc<dyn Records>,
        policy: CooldownPolicy,
        clock: WallClock,
    ) -> Self {
        Self {
            cooldowns: Cooldowns::new(Arc::clone(&records), policy, clock),
            servers: Servers::new(Arc::clone(&records)),
            tokens: TokenCounter::new(Arc::clone(&records)),
            records,
            repairs: Mutex::new(None),
            credentials: None,
            limit: LIMIT,
        }
    }

    /// What is left alone for now, because it failed.
    pub fn cooldowns(&self) -> &Cooldowns {
        &self.cooldowns
    }

    /// How many tokens prompts are.
    pub fn tokens(&self) -> &TokenCounter {
        &self.tokens
    }

    /// Where it is kept.
    pub(crate) fn records(&self) -> &Arc<dyn Records> {
        &self.records
    }

    /// Servers on the owner's own machines are asked what they are before their first request, signed with these. It
    /// costs no tokens, and at most a second.
    #[must_use]
    pub fn asking(mut self, credentials: Arc<Credentials>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Servers have so long to say what they are, instead of a second.
    #[must_use]
    pub fn waiting(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The model with everything known of it applied. Nothing is asked.
    pub async fn dress(&self, model: Model) -> Model {
        self.dressed(model).await.0
    }

    /// The model with everything known of it applied, after its server was asked where that is due. What the person
    /// should know of it is said with the first request.
    pub async fn inquire(&self, model: Model) -> Model {
        self.check(&model).await;
        self.dress(model).await
    }

    /// The model with everything known of it applied, after its server was asked where that is due. What the person
    /// should know of it goes to `events`, once a process.
    pub(crate) async fn meet(&self, model: Model, events: EventSink<'_>) -> Model {
        self.check(&model).await;
        let base_url = model.base_url.clone();
        let (model, notice) = self.dressed(model).await;
        if let Some(notice) = notice {
            let server = self.servers.at(&base_url).await;
            if server.lock().await.say_once(&model.reference) {
                tracing::warn!(model = %model.reference, "{notice}");
                events(Event::Notice(notice));
            }
        }
        model
    }

    async fn dressed(&self, mut model: Model) -> (Model, Option<String>) {
        if model.api == Api::Engine {
            return (model, None);
        }
        let server = self.servers.at(&model.base_url).await;
        let server = server.lock().await;
        if let Some(repairs) = self.repairs_of(&model).await {
            model.apply(repairs);
        }
        let notice = server
            .record
            .as_ref()
            .and_then(|record| told::apply(&mut model, &record.probe));
        (model, notice)
    }

    /// Asks the server of a model what it is, where this process has not done so lately. Whoever comes meanwhile waits
    /// for the answer. A server that is down or slow leaves things as they are.
    async fn check(&self, model: &Model) {
        let Some(key) = self.key_for_asking(model) else {
            return;
        };
        let server = self.servers.at(&model.base_url).await;
        let mut server = server.lock().await;
        if !server.is_due(&model.reference.model) {
            return;
        }
        let here = server.placed(model);
        let Ok(lookup) = Lookup::new(&here, key.as_ref().map(Credential::secret), self.limit)
        else {
            return;
        };
        let asked = tokio::time::timeout(self.limit, server.ask(&lookup, &here)).await;
        // What is not there yet may be by the next request: a server that is started when it is needed, say.
        if !matches!(asked, Ok(Err(ListingError::Unreachable(_)))) {
            server.checked();
        }
        match asked {
            Ok(Ok(Some(probe))) => self.learned(&mut server, &here, probe).await,
            Ok(Ok(None) | Err(_)) => {}
            Err(_) => tracing::info!(
                model = %model.reference,
                "the server did not say within {:?} what it has loaded",
                self.limit
            ),
        }
    }

    /// The key to ask a model's server with; `None` where it must not be asked. Hosted servers are asked by their owners'
    /// express wish alone.
    fn key_for_asking(&self, model: &Model) -> Option<Option<Credential>> {
        let credentials = self.credentials.as_ref()?;
        let is_server = model.api != Api::Engine && model.base_url.contains("://");
        (is_server && model.is_local()).then(|| credentials.find(&model.reference.provider))
    }

    /// Keeps what the server of a model told.
    pub async fn learn(&self, model: &Model, probe: Probe) {
        let server = self.servers.at(&model.base_url).await;
        let mut server = server.lock().await;
        server.checked();
        self.learned(&mut server, model, probe).await;
    }

    /// Keeps what asking a model showed. Its server must be [known](Self::learn).
    pub async fn learn_asked(&self, model: &Model, asked: Asked) {
        let server = self.servers.at(&model.base_url).await;
        let mut server = server.lock().await;
        if let Some(record) = &mut server.record {
            record.asked.insert(model.reference.model.clone(), asked);
            self.servers.save(&server).await;
        }
    }

    /// What asking a model showed, as long as its server has not changed since.
    pub async fn asked(&self, model: &Model) -> Option<Asked> {
        let server = self.servers.at(&model.base_url).await;
        let server = server.lock().await;
        let record = server.record.as_ref()?;
        record.asked.get(&model.reference.model).cloned()
    }

    async fn learned(&self, server: &mut Server, model: &Model, probe: Probe) {
        if server.learn(probe) {
            tracing::info!(server = %server.key, "another server than before: what it refused is forgotten");
            self.forget_repairs(&base(&model.base_url)).await;
            self.forget_repairs(&server.key).await;
        }
        self.servers.save(server).await;
    }

    /// Takes note of a failure that shows that the server is not as it was known. `model` is as configured.
    pub(crate) async fn failed(&self, model: &Model, failure: &Failure) {
        let shows = matches!(
            failure.class,
            FailureClass::WrongEndpoint
                | FailureClass::ModelUnavailable
                | FailureClass::ModelLoading
                | FailureClass::Unreachable
        );
        if !shows || model.api == Api::Engine {
            return;
        }
        let server = self.servers.at(&model.base_url).await;
        let mut server = server.lock().await;
        if server.doubt() {
            self.servers.save(&server).await;
        }
    }

    /// Where the API of a model's server really is, on the same host and port; `None` where the base URL is right, or
    /// nothing was found.
    pub(crate) async fn working_base(&self, model: &Model) -> Option<String> {
        let key = self.key_for_asking(model)?;
        let secret = key.as_ref().map(Credential::secret);
        let lookup = Lookup::new(model, secret, self.limit).ok()?;
        match read_list(&lookup, model, &model.base_url).await {
            Err(error) if error.is_wrong_place() => {
                listing::working_base(model, secret, self.limit).await
            }
            _ => None,
        }
    }

    /// The model where its server was found.
    pub(crate) async fn placed(&self, model: &Model) -> Model {
        let server = self.servers.at(&model.base_url).await;
        let server = server.lock().await;
        server.placed(model)
    }

    /// From now on, for as long as this process lives, the server of `model` is asked at another base URL.
    pub(crate) async fn moved(&self, model: &Model, base_url: String) {
        let server = self.servers.at(&model.base_url).await;
        server.lock().await.move_to(base_url);
    }

    /// The form in which a model's server takes requests, as far as it was learned.
    pub(crate) async fn repairs_of(&self, model: &Model) -> Option<Repairs> {
        let key = key(model);
        self.with_repairs(|all| all.get(&key).cloned()).await
    }

    /// Notes the form in which a model's server took a request: that of `mended`, after it refused that of `model`.
    pub(crate) async fn repaired(&self, model: &Model, mended: &Model) {
        let key = key(mended);
        let repairs = self
            .with_repairs(|all| {
                let mut repairs = mended.repairs.clone();
                // What the server told by itself is not learned: it may tell something else tomorrow.
                let learned = all.get(&key).is_some_and(|known| known.tools_as_text);
                repairs.tools_as_text &= learned || !model.repairs.tools_as_text;
                all.insert(key.clone(), repairs.clone());
                repairs
            })
            .await;
        // A struct of flags and names always serialises.
        let json = serde_json::to_string(&repairs).unwrap_or_default();
        self.records.save(REPAIRS, &key, json).await;
    }

    /// Forgets the repairs of all models under a base URL.
    async fn forget_repairs(&self, base: &str) {
        let forgotten = self
            .with_repairs(|all| {
                let of_base = |key: &str| key.split_once(' ').is_some_and(|(at, _)| at == base);
                let gone: Vec<String> = all.keys().filter(|key| of_base(key)).cloned().collect();
                all.retain(|key, _| !gone.contains(key));
                gone
            })
            .await;
        for key in forgotten {
            self.records.remove(REPAIRS, &key).await;
        }
    }

    async fn with_repairs<T>(&self, work: impl FnOnce(&mut HashMap<String, Repairs>) -> T) -> T {
        let mut repairs = self.repairs.lock().await;
        if repairs.is_none() {
            let records = self.records.load(REPAIRS).await;
            // One that an older or newer version wrote is learned again.
            let known = records
                .into_iter()
                .filter_map(|(key, json)| Some((key, serde_json::from_str(&json).ok()?)));
            *repairs = Some(known.collect());
        }
        work(repairs.get_or_insert_default())
    }
}

impl Default for Knowledge {
    /// Knowledge that ends with the process.
    fn default() -> Self {
        Self::new(Arc::new(ShortMemory::default()))
    }
}

/// A base URL as a key: without what is secret in it.
fn base(base_url: &str) -> String {
    let shown = Endpoint::shown(base_url);
    shown.trim_end_matches('/').to_owned()
}

/// A model on a server: the base URL without what is secret in it, and the model's id there. Servers that offer the same
/// models are taken to be of one kind: what one of them needs, all do.
pub(crate) fn key(model: &Model) -> String {
    let first = model.base_urls.first().unwrap_or(&model.base_url);
    format!("{} {}", base(first), model.reference.model)
}
