//! `moltbot pairing`, as the owner uses it.

use crate::setup::Home;

#[test]
fn a_stranger_is_let_in_by_the_code() {
    let home = Home::with_config("{}");
    assert_eq!(
        home.ok(&["pairing", "list", "telegram"]),
        "No pending telegram pairing requests.\n"
    );
    // As the original writes it; a stranger chose the name.
    let now = chrono::Utc::now().to_rfc3339();
    home.write(
        ".clawdbot/credentials/telegram-pairing.json",
        format!(
            r#"{{"version":1,"requests":[{{"id":"66","code":"ABCDEFGH","createdAt":"{now}","lastSeenAt":"{now}","meta":{{"name":"E\u001b[2Kve\nx"}}}}]}}"#
        ),
    );
    let listed = home.ok(&["pairing", "list", "telegram"]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(
        listed.contains("ABCDEFGH") && listed.contains("66") && listed.contains("name=E[2Kve x")
    );
    let listed = home.json(&["pairing", "list", "telegram", "--json"]);
    assert_eq!(listed["requests"][0]["code"], "ABCDEFGH");

    let failed = home.fails(&["pairing", "approve", "telegram", "XXXXXXXX"]);
    assert!(failed.contains("No pending pairing request found for code: XXXXXXXX"));
    assert_eq!(
        home.ok(&["pairing", "approve", "telegram", "abcdefgh"]),
        "Approved telegram sender 66.\n"
    );
    let allowed = home.read(".clawdbot/credentials/telegram-allowFrom.json");
    assert_eq!(
        allowed,
        "{\n  \"version\": 1,\n  \"allowFrom\": [\n    \"66\"\n  ]\n}\n"
    );
    assert_eq!(
        home.ok(&["pairing", "list", "telegram"]),
        "No pending telegram pairing requests.\n"
    );
}
