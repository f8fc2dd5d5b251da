//! How long each stage of a request may take: several clocks, not one timeout. A machine that is off is told from one
//! that loads its model, and one that reads a long prompt from one that died.

use std::time::Duration;

use crate::model::Model;
use crate::probe::ServerKind;

/// How long a connection may take to come about. A machine that is off does not answer at all, and the next rung waits.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);

/// Loading a large model from a slow disk takes minutes.
const LOAD: Duration = Duration::from_secs(600);

/// A server of the owner's own that is busy is nearly always busy with one answer.
const BUSY: Duration = Duration::from_secs(120);

/// Servers in the house may say nothing while they read a prompt or write a long tool call.
const LOCAL_SILENCE: Duration = Duration::from_secs(300);

/// A laptop without a graphics card reads about this many tokens of a prompt in a second.
const LOCAL_READING: u64 = 20;

/// Beside the time to read the prompt: hosted servers queue, but load nothing.
const HOSTED_FIRST_BYTE: Duration = Duration::from_secs(120);

/// Hosted servers read at least this many tokens of a prompt in a second.
const HOSTED_READING: u64 = 1000;

/// A hosted server that sends nothing between two words is gone, or the network is.
const HOSTED_SILENCE: Duration = Duration::from_secs(90);

/// A server that has said nothing for this long is likely to be loading.
const QUIET: Duration = Duration::from_secs(2);

/// The limits of one request. The whole of it is limited by [`Model::timeout`], which the ladder keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// While the server says that it is loading the model, it is asked again for this long in all.
    pub load: Duration,
    /// While a server in the house says that it is busy, it is asked again for this long in all.
    pub busy: Duration,
    /// From sending the request to the first byte of the reply's body.
    pub first_byte: Duration,
    /// Between two pieces of the reply. Any byte is a sign of life, also one that means nothing.
    pub silence: Duration,
    /// After this long without a first byte, and so often again, a server that can tell is asked whether it is loading
    /// the model.
    pub quiet: Duration,
}

impl Clocks {
    /// The limits of a request to a server that is in the house (`local`) or not, runs this program (where that is
    /// known) and has to read a prompt of about this many tokens. An owner who allows one request `timeout` in all
    /// allows each stage of it as much.
    pub fn new(
        local: bool,
        server: Option<ServerKind>,
        prompt_tokens: u64,
        timeout: Option<Duration>,
    ) -> Self {
        let (begin, reading, silence) = match (local, server) {
            // These listen when the model is loaded, so what waits before reading is a queue.
            (true, Some(ServerKind::Vllm | ServerKind::Sglang)) => {
                (LOCAL_SILENCE, LOCAL_READING, LOCAL_SILENCE)
            }
            // The request itself may be what makes the server load the model.
            (true, _) => (LOAD, LOCAL_READING, LOCAL_SILENCE),
            (false, _) => (HOSTED_FIRST_BYTE, HOSTED_READING, HOSTED_SILENCE),
        };
        let at_least = |clock: Duration| clock.max(timeout.unwrap_or_default());
        Self {
            load: at_least(LOAD),
            busy: BUSY,
            first_byte: at_least(
                begin.saturating_add(Duration::from_secs(prompt_tokens.div_ceil(reading))),
            ),
            silence: at_least(silence),
            quiet: QUIET,
        }
    }

    /// The limits of a request to this model with a prompt of about this many tokens.
    pub(crate) fn of(model: &Model, prompt_tokens: u64) -> Self {
        Self::new(model.is_local(), model.server, prompt_tokens, model.timeout)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_laptop_gets_time_to_read_and_a_data_centre_less() {
        let first = |local, server, tokens| {
            Clocks::new(local, server, tokens, None)
                .first_byte
                .as_secs()
        };
        assert_eq!(first(true, None, 8000), 600 + 400);
        assert_eq!(first(true, Some(ServerKind::LmStudio), 1), 601);
        assert_eq!(first(true, Some(ServerKind::Vllm), 0), 300);
        assert_eq!(first(false, None, 0), 120);
        assert_eq!(first(false, Some(ServerKind::OpenRouter), 8001), 129);
        assert_eq!(Clocks::new(true, None, 0, None).silence.as_secs(), 300);
        assert_eq!(Clocks::new(false, None, 0, None).silence.as_secs(), 90);
    }

    proptest! {
        #[test]
        fn no_stage_is_cut_before_what_the_owner_allows(
            local in any::<bool>(), tokens in any::<u64>(), seconds in 0u64..100_000,
        ) {
            let timeout = Duration::from_secs(seconds);
            let plain = Clocks::new(local, None, tokens, None);
            let clocks = Clocks::new(local, None, tokens, Some(timeout));
            for (clock, without) in [
                (clocks.load, plain.load),
                (clocks.first_byte, plain.first_byte),
                (clocks.silence, plain.silence),
            ] {
                prop_assert_eq!(clock, without.max(timeout));
            }
        }

        #[test]
        fn a_longer_prompt_is_waited_for_longer(local in any::<bool>(), a in any::<u64>(), b in any::<u64>()) {
            let first = |tokens| Clocks::new(local, None, tokens, None).first_byte;
            prop_assert!(first(a.min(b)) <= first(a.max(b)));
        }
    }
}
