//! References to secrets: whether each leads to one.

use moltbot_config::{Environment, References, SecretSource, Snapshot, load_with};

use super::check::Check;

/// Follows the references of a configuration that is valid as it is written. Where each leads to a secret, the checks that
/// follow use them.
pub(super) fn check(snapshot: Snapshot, environment: &Environment) -> (Snapshot, Vec<Check>) {
    if snapshot.secrets.is_empty() {
        return (snapshot, Vec::new());
    }
    match load_with(environment, References::Followed) {
        Ok(followed) => {
            let check = Check::ok("config.secrets", "secrets", counted(&followed));
            (followed, vec![check])
        }
        Err(error) => {
            let issues = error.issues().iter().map(|issue| {
                Check::fail("config.secrets", "secrets", issue.to_string())
                    .remedy("put it right; until then nothing can be asked (docs/secrets.md)")
            });
            (snapshot, issues.collect())
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
