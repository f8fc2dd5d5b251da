//! Asking a model server whether it is there, lets us in, and has the models that the configuration names.

use std::time::Duration;

use moltbot_llm::{
    Credential, Endpoint, FailureClass, ListedModel, ListingError, Model, list_models, working_base,
};
use moltbot_services::ServiceState;
use tokio::task::JoinSet;

use super::check::Check;
use super::start::{is_this_machine, loading, starting};
use crate::commands::models::in_use::key_remedy;
use crate::commands::models::nearest::{is_listed, nearest};

/// How long a server may take to answer with its list.
const LIMIT: Duration = Duration::from_secs(5);

/// How many ids of a list are named.
const NAMED: usize = 5;

/// A server and what is to be found on it.
#[derive(Debug, Clone)]
pub(super) struct Server {
    /// The provider's id.
    pub(super) id: String,
    /// The models that the configuration names; never empty.
    pub(super) models: Vec<Model>,
    /// The key that goes to it.
    pub(super) key: Option<Credential>,
    /// How it stands, where it is a service that we start and stop.
    pub(super) service: Option<ServiceState>,
    /// Whether a turn depends on it.
    pub(super) in_chain: bool,
}

/// Asks all servers at once; the findings come in the order of the servers.
pub(super) async fn check_all(servers: Vec<Server>) -> Vec<Check> {
    let mut asked = JoinSet::new();
    for (place, server) in servers.into_iter().enumerate() {
        asked.spawn(async move { (place, server.check().await) });
    }
    let mut found = asked.join_all().await;
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().flat_map(|(_, checks)| checks).collect()
}

impl Server {
    async fn check(&self) -> Vec<Check> {
        let Some(model) = self.models.first() else {
            return Vec::new();
        };
        let checks = match self.list(model).await {
            Ok(listed) => self.check_models(&listed),
            Err(error) => vec![self.check_refusal(model, error).await],
        };
        match self.in_chain {
            true => checks,
            false => checks.into_iter().map(Check::at_most_warn).collect(),
        }
    }

    async fn list(&self, model: &Model) -> Result<Vec<ListedModel>, ListingError> {
        list_models(model, self.secret(), LIMIT).await
    }

    fn secret(&self) -> Option<&str> {
        self.key.as_ref().map(Credential::secret)
    }

    fn check_id(&self) -> String {
        format!("models.server.{}", self.id)
    }

    /// One finding for all models that are there, one for each that is not.
    fn check_models(&self, listed: &[ListedModel]) -> Vec<Check> {
        let ids: Vec<&str> = listed.iter().map(|model| model.id.as_str()).collect();
        let (there, missing): (Vec<&Model>, Vec<&Model>) = self
            .models
            .iter()
            .partition(|model| is_listed(&model.reference.model, &ids));
        let mut checks = Vec::new();
        if let Some(first) = there.first() {
            let names: Vec<&str> = there
                .iter()
                .map(|model| model.reference.model.as_str())
                .collect();
            let mut detail = format!(
                "{} has {}",
                Endpoint::shown(&first.base_url),
                names.join(", ")
            );
            if let Some(running @ ServiceState::Ready { .. }) = &self.service {
                detail.push_str(&format!("; its service: {running}"));
            }
            checks.push(Check::ok(&self.check_id(), &self.id, detail));
        }
        checks.extend(
            missing
                .into_iter()
                .map(|model| self.check_missing(model, &ids)),
        );
        checks
    }

    fn check_missing(&self, model: &Model, ids: &[&str]) -> Check {
        let (id, base) = (&model.reference.model, Endpoint::shown(&model.base_url));
        let near = nearest(id, ids);
        let known = match (near.is_empty(), ids) {
            (_, []) => "it lists no model".to_owned(),
            (false, _) => format!("near it are {}", near.join(", ")),
            (true, ids) if ids.len() <= NAMED => format!("it has {}", ids.join(", ")),
            (true, ids) => format!(
                "it has {} and {} more",
                ids[..NAMED].join(", "),
                ids.len() - NAMED
            ),
        };
        let detail = format!("{base} does not list {id}; {known}");
        let check = match model.is_local() {
            true => Check::fail(&self.check_id(), &self.id, detail),
            // Vendors serve names that they do not list.
            false => Check::warn(&self.check_id(), &self.id, detail),
        };
        let load = loading(model);
        check.remedy(match near.first() {
            Some(near) => format!("moltbot models set {}/{near}, or {load}", self.id),
            None => load,
        })
    }

    async fn check_refusal(&self, model: &Model, error: ListingError) -> Check {
        let (check_id, base) = (self.check_id(), Endpoint::shown(&model.base_url));
        let fail = |detail: String| Check::fail(&check_id, &self.id, detail);
        if error.is_wrong_place() {
            return self.check_no_list(model).await;
        }
        let silent = matches!(error, ListingError::Unreachable(_) | ListingError::TimedOut);
        match &self.service {
            Some(ServiceState::Failing { detail }) if silent => {
                return fail(format!("{base}: {detail}"))
                    .remedy(format!("correct models.providers.{}.service", self.id));
            }
            Some(ServiceState::Ready { .. }) | None => {}
            Some(state) if silent => {
                return Check::ok(&check_id, &self.id, format!("{base}: {state}"));
            }
            Some(_) => {}
        }
        match error {
            ListingError::Unreachable(_) if !base.contains("://") => {
                fail(format!("{base} is no address")).remedy(format!(
                    "write http:// or https:// before it: moltbot config set models.providers.{}.baseUrl http://{base}",
                    self.id
                ))
            }
            // Connected or not, it takes too long: a busy server, or one that loads its model.
            ListingError::TimedOut => {
                fail(format!("{base} does not answer within {} s", LIMIT.as_secs())).remedy(
                    "wait until it has loaded its model, or restart it; a firewall may be in between, too",
                )
            }
            ListingError::Unreachable(reason) => {
                fail(format!("{base} cannot be reached: {reason}")).remedy(self.reach(model))
            }
            ListingError::Refused(failure) if failure.class == FailureClass::Auth => match &self.key {
                Some(key) => fail(format!("{base} refuses the key from {}", key.source())).remedy(format!(
                    "put the right one there, or {}",
                    key_remedy(&self.id)
                )),
                None => fail(format!("{base} asks for a key")).remedy(key_remedy(&self.id)),
            },
            refused @ (ListingError::Refused(_) | ListingError::NotAList) => {
                fail(refused.to_string())
            }
        }
    }

    /// There is a server, but no list of models where it should be: looks for the API at the usual places beside.
    async fn check_no_list(&self, model: &Model) -> Check {
        let (id, base) = (self.check_id(), Endpoint::shown(&model.base_url));
        let key = format!("models.providers.{}.baseUrl", self.id);
        match working_base(model, self.secret(), LIMIT).await {
            Some(right) => Check::fail(
                &id,
                &self.id,
                format!("{base} answers, but not as a model server; {right} does"),
            )
            .remedy(format!("moltbot config set {key} {right}")),
            None if model.is_local() => Check::fail(
                &id,
                &self.id,
                format!("{base} answers, but not with a list of models"),
            )
            .remedy(format!(
                "correct {key}, which usually ends in /v1; another program may be listening there"
            )),
            None => Check::warn(
                &id,
                &self.id,
                format!("{base} answers, but has no list of models to check"),
            ),
        }
    }

    /// What to do when nobody answers.
    fn reach(&self, model: &Model) -> String {
        let key = format!("models.providers.{}.baseUrl", self.id);
        if !model.is_local() {
            return format!("check the network connection and {key}");
        }
        if !is_this_machine(&model.base_url) {
            return format!(
                "start the server on that machine, let it listen on its network, or correct {key}"
            );
        }
        match starting(model) {
            Some((name, command)) => format!("start {name}: {command}"),
            None => format!("start the server, or correct {key}"),
        }
    }
}
