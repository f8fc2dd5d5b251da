//! Profiles: several installations side by side under one user, chosen by `--profile NAME` or `--dev`.

use crate::environment::Environment;

/// The port of the gateway under `--dev`, away from the ordinary one.
const DEV_PORT: &str = "19001";

/// The name of a profile: letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile(String);

/// Why the profile flags can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The name has other characters, or none.
    #[error("Invalid --profile \"{0}\": use letters, digits, \"_\" and \"-\" only.")]
    InvalidName(String),
    /// `--dev` is the profile `dev`, so it can't go with another one.
    #[error("Cannot combine --dev with --profile {0}; give one of the two.")]
    DevAndOther(String),
}

impl Profile {
    /// The profile that the two flags ask for; `None` when neither is given.
    ///
    /// # Errors
    /// When the name is not one, or `--dev` comes with another profile.
    pub fn from_flags(name: Option<&str>, dev: bool) -> Result<Option<Self>, ProfileError> {
        match (name, dev) {
            (None, false) => Ok(None),
            (None, true) => Ok(Some(Self("dev".to_owned()))),
            (Some(name), dev) => {
                let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                if name.is_empty() || !name.chars().all(allowed) {
                    return Err(ProfileError::InvalidName(name.to_owned()));
                }
                if dev && name != "dev" {
                    return Err(ProfileError::DevAndOther(name.to_owned()));
                }
                Ok(Some(Self(name.to_owned())))
            }
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Points the environment at this profile's state directory and config file. Fills only what is unset, so a
    /// variable set by the owner wins.
    pub fn apply(&self, environment: &mut Environment) {
        environment.fill("CLAWDBOT_PROFILE", &self.0);
        let directory = if self.0 == "default" {
            ".clawdbot".to_owned()
        } else {
            format!(".clawdbot-{}", self.0)
        };
        let own = environment.home.join(directory);
        if environment.setting("STATE_DIR").is_none() {
            environment.fill("CLAWDBOT_STATE_DIR", &own.display().to_string());
        }
        let state = environment
            .setting("STATE_DIR")
            .map_or(own, |state| environment.absolute(state));
        if environment.setting("CONFIG_PATH").is_none() {
            let config = state.join("moltbot.json");
            environment.fill("CLAWDBOT_CONFIG_PATH", &config.display().to_string());
        }
        if self.0 == "dev" && environment.setting("GATEWAY_PORT").is_none() {
            environment.fill("CLAWDBOT_GATEWAY_PORT", DEV_PORT);
        }
    }
}
