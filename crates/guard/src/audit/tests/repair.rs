//! What `--fix` puts right.

use super::*;

const OPEN: &str = "// Mine.
{
  logging: { redactSensitive: 'off' }, // for a while
  channels: {
    telegram: {
      // Everybody!
      groupPolicy: 'open',
      accounts: { work: { groupPolicy: 'open' }, home: {} },
      dmPolicy: 'open', allowFrom: ['*'],
    },
    whatsapp: { groupPolicy: 'open' },
  },
}
";

#[cfg(unix)]
#[test]
fn what_can_be_put_right_is_with_the_owners_comments() {
    let home = Home::new(OPEN);
    home.write(
        ".clawdbot/credentials/whatsapp-allowFrom.json",
        r#"{"version":1,"allowFrom":["+15550001"]}"#,
        0o644,
    );
    home.write(".clawdbot/moltbot.db", "", 0o644);
    set_mode(&home.path(".clawdbot/credentials"), 0o755);
    set_mode(&home.path(".clawdbot/moltbot.json"), 0o644);
    set_mode(&home.path(".clawdbot"), 0o755);
    let fixed = fix(&home.environment, &home.snapshot());
    assert!(fixed.ok && fixed.config_written, "{fixed:#?}");
    assert_eq!(
        fixed.changes,
        [
            "logging.redactSensitive=off -> \"tools\"",
            "channels.telegram.groupPolicy=open -> allowlist",
            "channels.telegram.accounts.work.groupPolicy=open -> allowlist",
            "channels.whatsapp.groupPolicy=open -> allowlist",
            "channels.whatsapp.groupAllowFrom=pairing-store",
        ]
    );
    let config = home.path(".clawdbot/moltbot.json");
    let text = fs::read_to_string(&config).unwrap();
    for kept in [
        "// Mine.",
        "// for a while",
        "// Everybody!",
        "dmPolicy: 'open'",
    ] {
        assert!(text.contains(kept), "{kept} is lost: {text}");
    }
    assert!(!text.contains("groupPolicy: 'open'"), "{text}");
    assert_eq!(
        fs::read_to_string(home.path(".clawdbot/moltbot.json.bak")).unwrap(),
        OPEN
    );
    let value = home.snapshot().value;
    assert_eq!(
        value["channels"]["whatsapp"]["groupAllowFrom"],
        json!(["+15550001"])
    );
    for (name, wanted) in [
        (".clawdbot", 0o700),
        (".clawdbot/moltbot.json", 0o600),
        (".clawdbot/credentials", 0o700),
        (".clawdbot/credentials/whatsapp-allowFrom.json", 0o600),
        (".clawdbot/moltbot.db", 0o600),
    ] {
        assert_eq!(mode(&home.path(name)), wanted, "{name}");
    }
    let left = home.audit();
    assert!(
        left.iter().all(|one| !one.check_id.starts_with("fs.")),
        "{left:#?}"
    );
    assert!(found(
        &left,
        "channels.telegram.dm.open",
        Severity::Critical
    ));

    // Once more there is nothing to do.
    let again = fix(&home.environment, &home.snapshot());
    assert!(again.ok && !again.config_written && again.changes.is_empty());
    assert!(
        again.actions.iter().all(|action| action.skipped.is_some()),
        "{again:#?}"
    );
}

#[test]
fn an_open_group_of_an_included_file_is_left_to_the_owner() {
    let home = Home::new("{ channels: { $include: '../more.json' } }");
    home.write("more.json", "{ telegram: { groupPolicy: 'open' } }", 0o600);
    let fixed = fix(&home.environment, &home.snapshot());
    assert!(!fixed.ok && !fixed.config_written, "{fixed:#?}");
    assert_eq!(
        fixed.errors,
        ["channels.telegram.groupPolicy stands in an included file: change it there."]
    );
}
