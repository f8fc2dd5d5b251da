//! `moltbot security audit`, and what `moltbot doctor` says of it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::fixtures::{CONFIG, run};
use crate::setup::Home;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The severity of a finding; `None` where there is none of this id.
fn severity<'a>(report: &'a Value, id: &str) -> Option<&'a str> {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["checkId"] == id)?;
    found["severity"].as_str()
}

const OPEN: &str = "{
  // A model of the house.
  models: { providers: { box: {
    baseUrl: 'http://127.0.0.1:9/v1',
    models: [{ id: 'qwen3-4b', name: 'x', contextWindow: 8192 }],
  } } },
  agents: { defaults: { model: { primary: 'box/qwen3-4b' } } },
  channels: { telegram: { groupPolicy: 'open' } }, // for the party
}
";

#[test]
fn what_is_found_is_told_in_blocks() {
    let home = Home::with_config(OPEN);
    let text = home.ok(&["security", "audit"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "Moltbot security audit");
    assert!(
        lines[1].starts_with("Summary: ") && lines[1].ends_with(" warn · 1 info"),
        "{text}"
    );
    assert_eq!(lines[2], "Run deeper: moltbot security audit --deep");
    let at = |line: &str| lines.iter().position(|other| *other == line).unwrap();
    assert!(
        at("CRITICAL") < at("WARN") && at("WARN") < at("INFO"),
        "{text}"
    );
    let one = at("channels.telegram.warning.1 Groups are open to everybody");
    assert!(
        lines[one + 1].starts_with("  channels.telegram: "),
        "{text}"
    );
    assert!(lines[one + 2].starts_with("  Fix: "), "{text}");

    let report = home.json(&["security", "audit", "--json"]);
    assert!(
        report["ts"].is_u64() && report["deep"].is_null(),
        "{report:#}"
    );
    assert_eq!(report["summary"]["info"], 1);
    for (id, expected) in [
        ("models.small_params", "critical"),
        ("models.weak_with_wide_tools", "warn"),
        ("models.small_context_web_tools", "warn"),
        ("channels.telegram.warning.1", "critical"),
        ("summary.attack_surface", "info"),
    ] {
        assert_eq!(severity(&report, id), Some(expected), "{id}: {report:#}");
    }
    assert!(
        !home.state().join("moltbot.db").exists(),
        "an audit begins nothing"
    );
}

#[test]
fn rules_about_tools_count() {
    let home =
        Home::with_config(OPEN.replace("channels:", "tools: { profile: 'minimal' }, channels:"));
    let report = home.json(&["security", "audit", "--json"]);
    for id in [
        "models.weak_with_wide_tools",
        "models.small_context_web_tools",
    ] {
        assert_eq!(severity(&report, id), None, "{id}: {report:#}");
    }
}

#[test]
fn fix_closes_groups_and_files() {
    let home = Home::with_config(OPEN);
    set_mode(&home.state(), 0o755);
    set_mode(&home.path().join(CONFIG), 0o644);
    let text = home.ok(&["security", "audit", "--fix"]);
    assert!(
        text.contains("  channels.telegram.groupPolicy=open -> allowlist\n"),
        "{text}"
    );
    assert!(
        text.contains(&format!("  chmod 700 {}\n", home.state().display())),
        "{text}"
    );
    assert!(
        text.contains("Moltbot security audit\n") && !text.contains("fs.state_dir"),
        "{text}"
    );
    let config = home.read(CONFIG);
    assert_eq!(config, OPEN.replace("'open'", "\"allowlist\""));
    assert_eq!(home.read(&format!("{CONFIG}.bak")), OPEN);
    assert_eq!(
        (mode(&home.state()), mode(&home.path().join(CONFIG))),
        (0o700, 0o600)
    );

    let again = home.json(&["security", "audit", "--fix", "--json"]);
    assert_eq!(again["fix"]["ok"], true);
    assert_eq!(again["fix"]["configWritten"], false);
    assert_eq!(
        severity(&again["report"], "channels.telegram.warning.1"),
        None
    );
}

#[test]
fn deep_finds_secrets_and_asks_no_gateway() {
    let home = Home::with_config("{ env: { vars: { BOX_TOKEN: 'hunter2hunter2' } } }");
    home.write("clawd/notes.md", "the key: hunter2hunter2");
    let report = home.json(&["security", "audit", "--deep", "--json"]);
    assert_eq!(report["deep"]["gateway"]["attempted"], false);
    assert_eq!(severity(&report, "secrets.in_files"), Some("warn"));
    let text = home.ok(&["security", "audit", "--deep"]);
    assert!(text.contains("Gateway probe: not attempted"), "{text}");
    assert!(
        text.contains("notes.md") && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn a_broken_configuration_is_no_base_for_an_audit() {
    let home = Home::with_config("{ gateway: { bindd: 1 } }");
    set_mode(&home.state(), 0o755);
    for args in [&["security", "audit"][..], &["security", "audit", "--fix"]] {
        let said = run(&home, args);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stderr.contains("Config invalid"), "{said:?}");
    }
    assert_eq!(mode(&home.state()), 0o755);
}

#[test]
fn doctor_tells_it_in_short() {
    let home = Home::with_config(OPEN);
    let report = home.json(&["doctor", "--json"]);
    let checks = report["checks"].as_array().unwrap();
    let of = |id: &str| checks.iter().find(|check| check["id"] == id);
    let open = of("security.channels.telegram.warning.1").unwrap();
    assert_eq!(
        (&open["status"], &open["title"]),
        (&"warn".into(), &"critical".into())
    );
    let remedies = checks
        .iter()
        .filter(|check| check["remedy"] == "moltbot security audit");
    assert_eq!(remedies.count(), 1, "{report:#}");

    let report = Home::with_config("{}").json(&["doctor", "--json"]);
    let checks = report["checks"].as_array().unwrap();
    assert!(
        checks
            .iter()
            .any(|check| check["id"] == "security.audit" && check["status"] == "ok"),
        "{report:#}"
    );
}
