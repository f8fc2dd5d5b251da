//! How long what failed is left alone: a pure function.

use std::collections::BTreeMap;
use std::time::Duration;

use moltbot_config::schema::Config;

use super::record::Cooldown;
use crate::failure::FailureClass;
use crate::reference::normalize_provider;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// No server is believed that asks to be left alone for longer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What fails faster than this costs nothing to try: a refused connection takes milliseconds, a machine that is off
/// takes seconds to be given up.
const CHEAP: Duration = Duration::from_secs(1);

/// Rests of a machine or server in the house, which comes back whenever its owner starts it.
const SHORT: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(300));

/// How long a failing server or credential is left alone (`auth.cooldowns`).
#[derive(Debug, Clone, PartialEq)]
pub struct CooldownPolicy {
    /// After a first billing failure.
    pub billing: Duration,
    /// The same, for one provider each, by normalised id.
    pub billing_by_provider: BTreeMap<String, Duration>,
    /// At most, after billing failures.
    pub billing_max: Duration,
    /// After this time without a failure, earlier ones are forgotten.
    pub window: Duration,
}

impl Default for CooldownPolicy {
    fn default() -> Self {
        Self {
            billing: 5 * HOUR,
            billing_by_provider: BTreeMap::new(),
            billing_max: 24 * HOUR,
            window: 24 * HOUR,
        }
    }
}

/// A failure, as far as it decides about the rest that follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failing<'a> {
    /// The provider's id.
    pub provider: &'a str,
    /// The kind.
    pub class: FailureClass,
    /// Whether the server stands on this machine or in its network.
    pub local: bool,
    /// How often it failed this way in a row, this time included.
    pub failures: u32,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
    /// How long the failed request took.
    pub took: Duration,
}

impl CooldownPolicy {
    /// The owner's settings.
    pub fn from_config(config: &Config) -> Self {
        let default = Self::default();
        let Some(set) = config
            .auth
            .as_ref()
            .and_then(|auth| auth.cooldowns.as_ref())
        else {
            return default;
        };
        let by_provider = set.billing_backoff_hours_by_provider.iter().flatten();
        Self {
            billing: set.billing_backoff_hours.map_or(default.billing, hours),
            billing_by_provider: by_provider
                .map(|(id, value)| (normalize_provider(id), hours(*value)))
                .collect(),
            billing_max: set.billing_max_hours.map_or(default.billing_max, hours),
            window: set.failure_window_hours.map_or(default.window, hours),
        }
    }

    /// How long to leave it alone; `None` where it may be asked again at once.
    ///
    /// What the server asks for wins. A server of the owner's own that is busy or loading is waited for elsewhere and
    /// never left alone; nor is one whose failure was about this request, or one that refuses connections, which is
    /// known within milliseconds.
    pub fn rest(&self, failing: &Failing<'_>) -> Option<Duration> {
        let steps = failing.failures.saturating_sub(1);
        let own = match failing.class {
            FailureClass::Unreachable if failing.took < CHEAP => return None,
            FailureClass::RateLimit | FailureClass::Overloaded | FailureClass::ModelLoading
                if failing.local =>
            {
                return None;
            }
            FailureClass::ModelUnavailable if failing.local => return None,
            FailureClass::Unreachable | FailureClass::ModelLoading => doubled(SHORT, steps),
            FailureClass::Timeout | FailureClass::ServerError if failing.local => {
                doubled(SHORT, steps)
            }
            FailureClass::Auth
            | FailureClass::RateLimit
            | FailureClass::Overloaded
            | FailureClass::Timeout
            | FailureClass::ServerError
            | FailureClass::ModelUnavailable => (MINUTE * 5_u32.pow(steps.min(3))).min(HOUR),
            FailureClass::Billing => {
                let first = self.billing_by_provider.get(failing.provider);
                let first = first.copied().unwrap_or(self.billing);
                doubled((first, self.billing_max), steps)
            }
            FailureClass::WrongEndpoint
            | FailureClass::StreamCut
            | FailureClass::EmptyReply
            | FailureClass::ReasoningOnly
            | FailureClass::OutputExhausted
            | FailureClass::BadModelOutput
            | FailureClass::BadReply
            | FailureClass::ContextOverflow
            | FailureClass::OutputBudget
            | FailureClass::ToolsUnsupported
            | FailureClass::SchemaUnsupported
            | FailureClass::TemplateRejected
            | FailureClass::ParamRejected
            | FailureClass::HistoryRejected
            | FailureClass::BadRequest => return None,
        };
        let asked = |wait: Duration| wait.clamp(Duration::from_secs(1), LONGEST);
        Some(failing.retry_after.map_or(own, asked))
    }

    /// Whether a cooldown has passed so long ago that it no longer counts.
    pub(super) fn forgets(&self, cooldown: &Cooldown, now: u64) -> bool {
        let age = Duration::from_millis(now.saturating_sub(cooldown.failed_at));
        cooldown.left(now).is_none() && age > self.window
    }
}

/// The first rest, doubled `steps` times, at most the second.
fn doubled((first, most): (Duration, Duration), steps: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(steps)).min(most)
}

/// Hours of the config, which may be any number that is not below zero.
fn hours(value: f64) -> Duration {
    let year = 365 * 24 * HOUR;
    Duration::try_from_secs_f64(value * 3600.0).map_or(year, |given| given.min(year))
}
