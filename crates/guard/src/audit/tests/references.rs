//! Secrets that are kept elsewhere are no secrets in the file.

use moltbot_config::{References, load_with};

use super::*;

#[test]
fn a_reference_is_not_taken_for_the_secret() {
    for reference in ["${file:~/key}", "${command:cat key}", "${keyring:lab}"] {
        let config = format!(
            "{{ env: {{ vars: {{ LAB_API_KEY: '{reference}' }} }}, hooks: {{ enabled: true, token: '{reference}' }}, \
             gateway: {{ auth: {{ token: '{reference}', password: '{reference}' }} }}, \
             channels: {{ telegram: {{ botToken: 'x{reference}' }} }} }}"
        );
        let home = Home::new(&config);
        home.write("key", "A1b2C3d4A1b2C3d4A1b2C3d4A1b2C3d4\n", 0o600);
        let findings = home.audit();
        for prefix in ["config.secrets", "gateway.token_too", "hooks.token_too"] {
            let told = findings.iter().find(|one| one.check_id.starts_with(prefix));
            assert!(told.is_none(), "{reference}: {told:#?}");
        }
    }
    let literal = Home::new("{ channels: { telegram: { botToken: 'A1b2C3d4A1b2C3d4' } } }");
    assert!(found(
        &literal.audit(),
        "config.secrets.literal",
        Severity::Info
    ));
}

#[test]
fn only_a_file_of_the_state_directory_is_closed() {
    let home =
        Home::new("{ gateway: { auth: { token: '${file:key}', password: '${file:~/other}' } } }");
    home.write(".clawdbot/key", "A1b2C3d4", 0o644);
    home.write("other", "A1b2C3d4", 0o604);
    let told = |home: &Home| {
        let findings = home.audit();
        let readable = findings
            .into_iter()
            .filter(|one| one.check_id == "config.secrets.file_readable");
        readable.map(|one| one.detail).collect::<Vec<_>>()
    };
    assert_eq!(
        told(&home),
        ["~/.clawdbot/key has mode 644.", "~/other has mode 604."]
    );
    assert!(fix(&home.environment, &home.snapshot()).ok);
    assert_eq!(mode(&home.path(".clawdbot/key")), 0o600);
    assert_eq!(told(&home), ["~/other has mode 604."]);
}

#[test]
fn what_came_by_a_reference_is_found_whatever_it_looks_like() {
    let home = Home::new(
        "{ logging: { file: '/${command:echo opensesame}' }, hooks: { token: '${command:echo short}' }, \
         gateway: { auth: { password: 'x${command:echo simsalabim}' } } }",
    );
    let written = Secrets::of(&home.snapshot());
    assert!(written.is_empty(), "{written:?}");
    let followed = load_with(&home.environment, References::Followed).unwrap();
    let secrets = Secrets::of(&followed);
    assert_eq!(secrets.find("say opensesame!"), Some("logging.file"));
    assert_eq!(secrets.find("xsimsalabim"), Some("gateway.auth.password"));
    // It would be found in every other word.
    assert_eq!(secrets.find("short"), None);
}
