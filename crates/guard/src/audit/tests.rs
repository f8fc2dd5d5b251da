//! Every check on a configuration that trips it and on one that does not, in a real home directory.
#![allow(clippy::unwrap_used)]

mod permissions;
#[cfg(unix)]
mod references;
mod repair;
mod settings;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use moltbot_config::{Environment, Snapshot, load};
use moltbot_llm::Catalog;
use serde_json::json;

use self::permissions::file_cases;
use self::settings::cases;
use super::*;
use crate::secrets::Secrets;

/// A home directory with this configuration, closed to others.
struct Home {
    dir: tempfile::TempDir,
    environment: Environment,
}

impl Home {
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment {
            vars: BTreeMap::new(),
            home: dir.path().to_owned(),
            cwd: dir.path().to_owned(),
        };
        let home = Self { dir, environment };
        home.write(".clawdbot/moltbot.json", config, 0o600);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file with these permissions; its folders are the owner's alone.
    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut folder = path.parent().unwrap().to_owned();
        while folder != self.dir.path() {
            set_mode(&folder, 0o700);
            folder = folder.parent().unwrap().to_owned();
        }
        fs::write(&path, text).unwrap();
        set_mode(&path, mode);
        path
    }

    fn snapshot(&self) -> Snapshot {
        load(&self.environment).unwrap_or_else(|error| panic!("{error}"))
    }

    fn facts(&self) -> Facts {
        let snapshot = self.snapshot();
        let catalog = Catalog::new(&snapshot.config, &[]);
        let listed = snapshot.config.agents().list().iter();
        let mut ids: Vec<String> = listed.map(|agent| agent.normalized_id()).collect();
        if ids.is_empty() {
            ids.push("main".to_owned());
        }
        let denied = snapshot.config.tools.clone().unwrap_or_default().deny;
        let denied = denied.unwrap_or_default();
        let agents = ids.into_iter().map(|id| {
            let models = catalog.chain(None, Some(&id), false);
            let tools = ["exec", "web_fetch"].into_iter().map(str::to_owned);
            AgentFacts {
                models: models.map_or_else(|_| Vec::new(), |(models, _)| models),
                image_models: Vec::new(),
                tools: tools.filter(|tool| !denied.contains(tool)).collect(),
                id,
            }
        });
        Facts::gather(&snapshot, agents.collect())
    }

    fn audit(&self) -> Vec<Finding> {
        audit(&self.facts())
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) {}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A server at home with one model, which is the default. `more` goes into the configuration.
fn with_model(id: &str, window: u64, more: &str) -> String {
    format!(
        r#"{{ models: {{ providers: {{ box: {{ baseUrl: "http://127.0.0.1:9/v1", models: [
            {{ id: "{id}", name: "x", contextWindow: {window} }} ] }} }} }},
            agents: {{ defaults: {{ model: {{ primary: "box/{id}" }} }} }}, {more} }}"#
    )
}

type Case = (&'static str, Severity, String, String);

#[track_caller]
fn found(findings: &[Finding], id: &str, severity: Severity) -> bool {
    findings
        .iter()
        .any(|one| one.check_id == id && one.severity == severity)
}

#[test]
fn every_check_of_the_configuration_is_tripped_and_stays_silent() {
    for (id, severity, trips, silent) in cases() {
        assert!(
            found(&Home::new(&trips).audit(), id, severity),
            "{id} is not tripped by {trips}"
        );
        let findings = Home::new(&silent).audit();
        assert!(
            !found(&findings, id, severity),
            "{id} is tripped by {silent}"
        );
    }
}

#[test]
fn an_empty_configuration_has_nothing_against_it() {
    let findings = Home::new("{}").audit();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].check_id, "summary.attack_surface");
    assert_eq!(
        Summary::of(&findings),
        Summary {
            critical: 0,
            warn: 0,
            info: 1
        }
    );
}

/// What other than the configuration and permissions trips: an id, and a home that does.
fn other_cases() -> Vec<(&'static str, Severity, Facts)> {
    let facts = |config: &str| Home::new(config).facts();
    let mut synced = facts("{}");
    synced.places[0] = PathBuf::from("/home/me/Dropbox/clawdbot");
    let extended = |config: &str| {
        let home = Home::new(config);
        home.write(".clawdbot/extensions/foreign/index.js", "", 0o600);
        home.facts()
    };
    let mut unconfined = facts("{ agents: { defaults: { sandbox: { mode: 'all' } } } }");
    unconfined.sandbox = SandboxFacts::Absent("nothing here".to_owned());
    let approved = |text: &str| {
        let home = Home::new("{}");
        home.write(".clawdbot/exec-approvals.json", text, 0o600);
        home.facts()
    };
    vec![
        ("summary.attack_surface", Severity::Info, facts("{}")),
        ("fs.synced_dir", Severity::Warn, synced),
        (
            "plugins.extensions_no_allowlist",
            Severity::Warn,
            extended("{}"),
        ),
        (
            "plugins.extensions_no_allowlist",
            Severity::Critical,
            extended("{ channels: { telegram: {} } }"),
        ),
        ("sandbox.weaker_than_asked", Severity::Warn, unconfined),
        ("exec.approvals_unusable", Severity::Warn, approved("{")),
        (
            "exec.approvals_can_do_anything",
            Severity::Warn,
            approved(
                r#"{"version":1,"agents":{"*":{"allowlist":[{"pattern":"/usr/bin/python3"}]}}}"#,
            ),
        ),
        (
            "exec.full_without_asking",
            Severity::Critical,
            approved(r#"{"version":1,"defaults":{"security":"full","ask":"off"}}"#),
        ),
    ]
}

#[test]
fn what_lies_around_is_told() {
    for (id, severity, facts) in other_cases() {
        let findings = audit(&facts);
        assert!(found(&findings, id, severity), "{id}: {findings:#?}");
    }
    let home = Home::new(
        "{ agents: { defaults: { sandbox: { mode: 'all' } } }, plugins: { allow: ['foreign'] } }",
    );
    home.write(".clawdbot/extensions/foreign/index.js", "", 0o600);
    let approvals = r#"{"version":1,"defaults":{"security":"allowlist"},"agents":{"*":{"allowlist":[{"pattern":"/usr/bin/uptime"},{"pattern":"python3"}]}}}"#;
    home.write(".clawdbot/exec-approvals.json", approvals, 0o600);
    let mut facts = home.facts();
    facts.sandbox = SandboxFacts::Present;
    let findings = audit(&facts);
    assert_eq!(findings.len(), 1, "{findings:#?}");
}

#[test]
fn secrets_in_files_are_found() {
    let home = Home::new("{}");
    home.write("clawd/notes/keys.md", "mine is hunter2hunter2!", 0o600);
    home.write("clawd/notes/clean.md", "nothing", 0o600);
    home.write("clawd/.git/config", "hunter2hunter2", 0o600);
    let secrets = Secrets::new([(
        "gateway.auth.password".to_owned(),
        "hunter2hunter2".to_owned(),
    )]);
    let searched = search_for_secrets(&secrets, &[home.path("clawd"), home.path("nowhere")]);
    assert_eq!((searched.files, searched.truncated), (2, false));
    let keys = home.path("clawd/notes/keys.md");
    assert_eq!(searched.found, [(keys, "gateway.auth.password".to_owned())]);
    let finding = searched.finding().unwrap();
    assert_eq!(finding.check_id, "secrets.in_files");
    assert!(!finding.detail.contains("hunter2"), "{}", finding.detail);
    assert!(
        search_for_secrets(&secrets, &[home.path("clawd/notes/clean.md")])
            .finding()
            .is_none()
    );
}

#[cfg(unix)]
#[test]
fn every_check_is_tripped_by_a_test() {
    let of_config = cases().into_iter().map(|(id, severity, ..)| (id, severity));
    let of_files = file_cases()
        .into_iter()
        .map(|(id, severity, ..)| (id, severity));
    let of_others = other_cases()
        .into_iter()
        .map(|(id, severity, _)| (id, severity));
    let elsewhere = [
        ("fs.state_dir.symlink", Severity::Warn),
        ("fs.config.symlink", Severity::Warn),
        ("secrets.in_files", Severity::Warn),
    ];
    let tripped: Vec<(&str, Severity)> = of_config
        .chain(of_files)
        .chain(of_others)
        .chain(elsewhere)
        .collect();
    for check in CHECKS {
        for severity in check.severities {
            let is_tripped = tripped
                .iter()
                .any(|(id, tripped)| check.is_named(id) && tripped == severity);
            assert!(is_tripped, "nothing trips {} as {severity:?}", check.id);
        }
    }
    for (id, severity) in tripped {
        let is_listed = CHECKS
            .iter()
            .any(|check| check.is_named(id) && check.severities.contains(&severity));
        assert!(is_listed, "{id} ({severity:?}) is not in the table");
    }
}

#[test]
fn own_checks_are_documented() {
    let guide = include_str!("../../../../docs/audit.md");
    for check in CHECKS.iter().filter(|check| !check.is_original) {
        assert!(
            guide.contains(&format!("`{}`", check.id)),
            "{} is not in docs/audit.md",
            check.id
        );
    }
}

#[test]
fn no_finding_shows_a_secret() {
    let home = Home::new(
        "{ gateway: { auth: { password: 'hunter2hunter2' } }, hooks: { enabled: true, token: 'hunter3' }, channels: { telegram: { botToken: '123456789:AAF-x_yzabcdefgh' } } }",
    );
    let shown = serde_json::to_string(&home.audit()).unwrap();
    for secret in ["hunter2", "hunter3", "AAF-x"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("channels.telegram.botToken"));
}
