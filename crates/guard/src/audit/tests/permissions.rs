//! Real files, and who may read them.

use super::*;

/// An id, how grave, a file with permissions that trip the check.
#[cfg(unix)]
pub(super) fn file_cases() -> Vec<(&'static str, Severity, &'static str, u32)> {
    use Severity::{Critical, Warn};
    vec![
        (
            "config.secrets.file_readable",
            Warn,
            ".clawdbot/keys/hooks",
            0o640,
        ),
        (
            "fs.state_dir.perms_world_writable",
            Critical,
            ".clawdbot",
            0o707,
        ),
        (
            "fs.state_dir.perms_group_writable",
            Warn,
            ".clawdbot",
            0o770,
        ),
        ("fs.state_dir.perms_readable", Warn, ".clawdbot", 0o750),
        (
            "fs.config.perms_writable",
            Critical,
            ".clawdbot/moltbot.json",
            0o620,
        ),
        (
            "fs.config.perms_world_readable",
            Critical,
            ".clawdbot/moltbot.json",
            0o604,
        ),
        (
            "fs.config.perms_group_readable",
            Warn,
            ".clawdbot/moltbot.json",
            0o640,
        ),
        (
            "fs.config_include.perms_writable",
            Critical,
            "more.json",
            0o602,
        ),
        (
            "fs.config_include.perms_world_readable",
            Critical,
            "more.json",
            0o644,
        ),
        (
            "fs.config_include.perms_group_readable",
            Warn,
            "more.json",
            0o640,
        ),
        (
            "fs.credentials_dir.perms_writable",
            Critical,
            ".clawdbot/credentials",
            0o730,
        ),
        (
            "fs.credentials_dir.perms_readable",
            Warn,
            ".clawdbot/credentials",
            0o750,
        ),
        (
            "fs.credentials_file.perms_writable",
            Critical,
            ".clawdbot/credentials/telegram-allowFrom.json",
            0o622,
        ),
        (
            "fs.credentials_file.perms_readable",
            Warn,
            ".clawdbot/credentials/telegram-allowFrom.json",
            0o644,
        ),
        (
            "fs.auth_profiles.perms_writable",
            Critical,
            ".clawdbot/agents/main/agent/auth-profiles.json",
            0o660,
        ),
        (
            "fs.auth_profiles.perms_readable",
            Warn,
            ".clawdbot/agents/main/agent/auth-profiles.json",
            0o640,
        ),
        (
            "fs.sessions_store.perms_readable",
            Warn,
            ".clawdbot/agents/main/sessions/sessions.json",
            0o644,
        ),
        (
            "fs.database.perms_writable",
            Critical,
            ".clawdbot/moltbot.db",
            0o666,
        ),
        (
            "fs.database.perms_readable",
            Warn,
            ".clawdbot/moltbot.db-wal",
            0o644,
        ),
        (
            "fs.dotenv.perms_writable",
            Critical,
            ".clawdbot/.env",
            0o620,
        ),
        ("fs.dotenv.perms_readable", Warn, ".clawdbot/.env", 0o644),
        (
            "fs.exec_approvals.perms_writable",
            Critical,
            ".clawdbot/exec-approvals.json",
            0o622,
        ),
        (
            "fs.exec_approvals.perms_readable",
            Warn,
            ".clawdbot/exec-approvals.json",
            0o644,
        ),
        ("fs.log_file.perms_readable", Warn, "my.log", 0o644),
    ]
}

/// A home with one of everything, closed to others.
pub(super) fn full_home() -> Home {
    let home = Home::new(
        "{ $include: '../more.json', logging: { file: '~/my.log' }, hooks: { token: '${file:keys/hooks}' } }",
    );
    home.write("more.json", "{ channels: { telegram: {} } }", 0o600);
    home.write("my.log", "", 0o600);
    for name in [
        "credentials/telegram-allowFrom.json",
        "agents/main/agent/auth-profiles.json",
        "agents/main/sessions/sessions.json",
        "moltbot.db",
        "moltbot.db-wal",
        ".env",
    ] {
        home.write(&format!(".clawdbot/{name}"), "", 0o600);
    }
    home.write(".clawdbot/keys/hooks", "hunter2hunter2", 0o600);
    home.write(
        ".clawdbot/credentials/telegram-allowFrom.json",
        r#"{"version":1,"allowFrom":[]}"#,
        0o600,
    );
    home.write(".clawdbot/exec-approvals.json", r#"{"version":1}"#, 0o600);
    home
}

#[cfg(unix)]
#[test]
fn permissions_of_real_files_are_told() {
    let clean = full_home().audit();
    assert!(
        clean.iter().all(|one| !one.check_id.starts_with("fs.")),
        "{clean:#?}"
    );
    for (id, severity, name, bad) in file_cases() {
        let home = full_home();
        set_mode(&home.path(name), bad);
        let findings = home.audit();
        let told: Vec<&Finding> = findings
            .iter()
            .filter(|one| one.check_id.starts_with("fs.") || one.check_id == id)
            .collect();
        assert_eq!(told.len(), 1, "{id}: {told:#?}");
        assert_eq!(
            (told[0].check_id.as_str(), told[0].severity),
            (id, severity)
        );
        let fix = told[0].remediation.as_deref().unwrap();
        assert!(fix.starts_with("chmod ") && fix.ends_with(name), "{fix}");
    }
}

#[cfg(unix)]
#[test]
fn links_are_told_and_left_alone() {
    let home = full_home();
    let state = home.path(".clawdbot");
    let real = home.path("elsewhere");
    fs::rename(&state, &real).unwrap();
    std::os::unix::fs::symlink(&real, &state).unwrap();
    fs::rename(real.join("moltbot.json"), real.join("real.json")).unwrap();
    std::os::unix::fs::symlink(real.join("real.json"), real.join("moltbot.json")).unwrap();
    set_mode(&real, 0o750);
    set_mode(&real.join("real.json"), 0o644);
    let findings = home.audit();
    for id in [
        "fs.state_dir.symlink",
        "fs.config.symlink",
        "fs.state_dir.perms_readable",
    ] {
        assert!(found(&findings, id, Severity::Warn), "{id}: {findings:#?}");
    }
    let fixed = fix(&home.environment, &home.snapshot());
    let skipped = |name: &str| {
        let at = home.path(name);
        fixed
            .actions
            .iter()
            .find(|action| action.path == at)
            .unwrap()
            .skipped
    };
    assert_eq!(skipped(".clawdbot"), Some("symlink"));
    assert_eq!(skipped(".clawdbot/moltbot.json"), Some("symlink"));
    assert_eq!((mode(&real), mode(&real.join("real.json"))), (0o750, 0o644));
}
