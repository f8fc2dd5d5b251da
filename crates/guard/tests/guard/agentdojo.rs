//! The worst case on AgentDojo, measured against the figures that docs/security.md shows.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The suites and presets that are quick enough to be measured in every run.
const SUITES: &str = "banking,slack";
const PRESET: &str = "standard";

#[test]
#[allow(clippy::print_stderr)]
fn the_figures_are_those_that_are_published() {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    // The tests lie in `<target>/<profile>/deps`.
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let python = profile.parent().unwrap().join("agentdojo-venv/bin/python");
    let judge = profile.join("examples/judge");
    if !python.exists() || !judge.exists() {
        eprintln!("Not measured: scripts/agentdojo installs AgentDojo and builds what it asks.");
        return;
    }
    let output = Command::new(python)
        .arg(here.join("agentdojo/run.py"))
        .args(["--suites", SUITES, "--presets", PRESET, "--judge"])
        .arg(judge)
        .output()
        .unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problem}");
    let measured: Value = serde_json::from_slice(&output.stdout).unwrap();
    let published = std::fs::read_to_string(here.join("agentdojo/figures.json")).unwrap();
    let published: Value = serde_json::from_str(&published).unwrap();
    for suite in SUITES.split(',') {
        assert_eq!(measured[PRESET][suite], published[PRESET][suite], "{suite}");
    }
}
