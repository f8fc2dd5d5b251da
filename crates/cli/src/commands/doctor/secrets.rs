//! References to secrets: whether each leads to one.

use moltbot_config::{Environment, References, SecretSource, Snapshot, load_with};

use super::check::Check;

/// What came of following the references of a configuration.
pub(super) struct Followed {
    /// The configuration: with the secrets, or as it is written where one is missing.
    pub(super) snapshot: Snapshot,
    /// What was found.
    pub(super) checks: Vec<Check>,
    /// Whether every reference leads to a secret.
    pub(super) usable: bool,
}

/// Follows the references of a configuration that is valid as it is written.
pub(super) fn check(snapshot: Snapshot, environment: &Environment) -> Followed {
    if snapshot.secrets.is_empty() {
        return Followed {
            snapshot,
            checks: Vec::new(),
            usable: true,
        };
    }
    match load_with(environment, References::Followed) {
        Ok(followed) => Followed {
            checks: vec![Check::ok("config.secrets", "secrets", counted(&followed))],
            snapshot: followed,
            usable: true,
        },
        Err(error) => {
            let issues = error.issues().iter().map(|issue| {
                Check::fail("config.secrets", "secrets", issue.to_string())
                    .remedy("put it right: until then no model can be asked (docs/secrets.md)")
            });
            Followed {
                snapshot,
                checks: issues.collect(),
                usable: false,
            }
        }
    }
}

/// How many there are of each kind.
fn counted(snapshot: &Snapshot) -> String {
    let count = |is_kind: fn(&SecretSource) -> bool| {
        let sources = snapshot.secrets.iter().map(|one| &one.source);
        sources.filter(|source| is_kind(source)).count()
    };
    let kinds = [
        (
            "in files",
            count(|one| matches!(one, SecretSource::File(_))),
        ),
        (
            "from commands",
            count(|one| matches!(one, SecretSource::Command(_))),
        ),
        (
            "in the keyring",
            count(|one| matches!(one, SecretSource::Keyring(_))),
        ),
    ];
    let kinds = kinds.iter().filter(|(_, count)| *count > 0);
    let kinds: Vec<String> = kinds
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    format!("every reference leads to one: {}", kinds.join(", "))
}
