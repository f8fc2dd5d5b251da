#![allow(clippy::unwrap_used)]

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::names::plain;
use super::*;

const NOBODY: &[String] = &[];

fn rules(channel: &str, block: Value) -> AccessRules {
    AccessRules::from_config(
        &json!({ "channels": { channel: block } }),
        channel,
        "default",
    )
}

fn direct(sender: &Sender) -> Inbound<'_> {
    Inbound {
        sender,
        place: Place::Direct,
        mention: Mention::default(),
        is_command: false,
    }
}

fn in_group<'a>(sender: &'a Sender, path: &'a [GroupName<'a>]) -> Inbound<'a> {
    Inbound {
        place: Place::Group(path),
        mention: Mention {
            native: Some(true),
            can_be_told: true,
            ..Mention::default()
        },
        ..direct(sender)
    }
}

fn standing(admission: Admission) -> Option<Standing> {
    match admission {
        Admission::Admit(admitted) => Some(admitted.standing),
        _ => None,
    }
}

#[test]
fn a_stranger_is_paired_by_default_and_dropped_by_lists() {
    let stranger = Sender::new("+491700000000");
    let open = json!({ "dmPolicy": "open", "allowFrom": ["*"] });
    for (block, expected) in [
        (json!({}), Admission::Pair),
        (json!({ "dmPolicy": "pairing" }), Admission::Pair),
        (
            json!({ "dmPolicy": "allowlist" }),
            Admission::Drop(Dropped::SenderNotListed),
        ),
        // The word alone opens nothing.
        (
            json!({ "dmPolicy": "open" }),
            Admission::Drop(Dropped::SenderNotListed),
        ),
        (
            json!({ "dmPolicy": "disabled", "allowFrom": ["*"] }),
            Admission::Drop(Dropped::DirectDisabled),
        ),
        (
            open,
            Admission::Admit(Admitted {
                standing: Standing::Stranger,
                may_command: true,
            }),
        ),
    ] {
        let admission = rules("whatsapp", block.clone()).admit(&direct(&stranger), NOBODY, None);
        assert_eq!(admission, expected, "{block}");
    }
    // A channel of which nothing is configured is closed.
    let nothing = AccessRules::from_config(&json!({}), "whatsapp", "default");
    assert_eq!(
        nothing.admit(&direct(&stranger), NOBODY, None),
        Admission::Pair
    );
    let path: &[GroupName<'_>] = &[&["1@g.us"]];
    assert_eq!(
        nothing.admit(&in_group(&stranger, path), NOBODY, None),
        Admission::Drop(Dropped::SenderNotListed)
    );
}

#[test]
fn people_are_told_by_what_the_channel_vouches_for() {
    let number = Sender::new("4917012345:7@s.whatsapp.net");
    let whatsapp = rules("whatsapp", json!({ "allowFrom": ["+49 170 12345"] }));
    let owner = whatsapp.admit(&direct(&number), NOBODY, None);
    assert_eq!(standing(owner), Some(Standing::Owner));

    let telegram = rules("telegram", json!({ "allowFrom": ["tg:42", "@Ada"] }));
    let by_id = Sender::new("42");
    let by_name = Sender::new("43").with_handle("ada");
    for sender in [&by_id, &by_name] {
        let admission = telegram.admit(&direct(sender), NOBODY, None);
        assert_eq!(standing(admission), Some(Standing::Owner));
    }
    let paired = ["44".to_owned(), "*".to_owned()];
    let by_code = Sender::new("44");
    assert_eq!(
        standing(telegram.admit(&direct(&by_code), &paired, None)),
        Some(Standing::Paired)
    );
    // A star in the stored list opens nothing.
    let other = Sender::new("45");
    assert_eq!(
        telegram.admit(&direct(&other), &paired, None),
        Admission::Pair
    );
    let own = Sender {
        is_self: true,
        ..Sender::new("46")
    };
    assert_eq!(
        standing(telegram.admit(&direct(&own), NOBODY, None)),
        Some(Standing::Owner)
    );
}

#[test]
fn groups_are_answered_where_list_and_sender_say_so() {
    let ada = Sender::new("42");
    let eve = Sender::new("66");
    let here: &[GroupName<'_>] = &[&["-100"], &["7"]];
    let there: &[GroupName<'_>] = &[&["-200"]];
    let telegram = rules(
        "telegram",
        json!({
            "allowFrom": [42],
            "groups": {
                "-100": { "topics": { "7": { "allowFrom": ["66"] }, "8": { "enabled": false } } },
                "-300": { "enabled": false },
            },
        }),
    );
    let admit = |sender, path| telegram.admit(&in_group(sender, path), NOBODY, None);
    // A topic's own list replaces the others.
    assert_eq!(standing(admit(&eve, here)), Some(Standing::Paired));
    assert_eq!(admit(&ada, here), Admission::Drop(Dropped::SenderNotListed));
    // A topic that is not listed is part of its group.
    assert_eq!(
        standing(admit(&ada, &[&["-100"], &["9"]])),
        Some(Standing::Owner)
    );
    assert_eq!(
        admit(&ada, &[&["-100"], &["8"]]),
        Admission::Drop(Dropped::GroupDisabled)
    );
    assert_eq!(admit(&ada, there), Admission::Drop(Dropped::GroupNotListed));
    assert_eq!(
        admit(&ada, &[&["-300"]]),
        Admission::Drop(Dropped::GroupDisabled)
    );
    // The owner's word for direct chats counts here, too, but not on WhatsApp.
    let paired = ["66".to_owned()];
    let group = |channel| rules(channel, json!({ "groupAllowFrom": ["42"] }));
    assert_eq!(
        standing(group("telegram").admit(&in_group(&eve, there), &paired, None)),
        Some(Standing::Paired)
    );
    assert_eq!(
        group("whatsapp").admit(&in_group(&eve, there), &paired, None),
        Admission::Drop(Dropped::SenderNotListed)
    );
    let off = rules(
        "telegram",
        json!({ "groupPolicy": "disabled", "allowFrom": [42] }),
    );
    assert_eq!(
        off.admit(&in_group(&ada, here), NOBODY, None),
        Admission::Drop(Dropped::GroupsDisabled)
    );
}

#[test]
fn guilds_and_channels_are_listed_by_id_or_name() {
    let eve = Sender::new("66");
    let discord = rules(
        "discord",
        json!({
            "guilds": {
                "1": { "channels": { "#help": {}, "20": { "allow": false }, "30": { "users": ["99"] } } },
                "2": { "requireMention": false },
            },
        }),
    );
    let admit = |path| discord.admit(&in_group(&eve, path), NOBODY, None);
    assert_eq!(
        standing(admit(&[&["1"], &["10", "help"]])),
        Some(Standing::Stranger)
    );
    assert_eq!(
        admit(&[&["1"], &["11", "other"]]),
        Admission::Drop(Dropped::GroupNotListed)
    );
    assert_eq!(
        admit(&[&["1"], &["20"]]),
        Admission::Drop(Dropped::GroupDisabled)
    );
    assert_eq!(
        admit(&[&["1"], &["30"]]),
        Admission::Drop(Dropped::SenderNotListed)
    );
    assert_eq!(
        standing(admit(&[&["2"], &["40"]])),
        Some(Standing::Stranger)
    );
    assert_eq!(
        admit(&[&["3"], &["50"]]),
        Admission::Drop(Dropped::GroupNotListed)
    );
    let none = rules("discord", json!({}));
    assert_eq!(
        none.admit(&in_group(&eve, &[&["1"]]), NOBODY, None),
        Admission::Drop(Dropped::GroupNotListed)
    );
}

#[test]
fn an_account_takes_from_its_channel_what_it_leaves_out() {
    let config = json!({ "channels": {
        "defaults": { "groupPolicy": "open" },
        "telegram": {
            "dmPolicy": "allowlist", "allowFrom": ["1"],
            "accounts": { "work": { "allowFrom": ["2"] }, "odd": { "dmPolicy": "disabled" } },
        },
    } });
    let (one, two) = (Sender::new("1"), Sender::new("2"));
    let admit = |account, sender| {
        let rules = AccessRules::from_config(&config, "telegram", account);
        standing(rules.admit(&direct(sender), NOBODY, None))
    };
    assert_eq!(admit("default", &one), Some(Standing::Owner));
    assert_eq!(admit("work", &two), Some(Standing::Owner));
    assert_eq!(admit("work", &one), None);
    assert_eq!(admit("odd", &one), None);
    // The default for all channels holds where a channel says nothing.
    let rules = AccessRules::from_config(&config, "telegram", "default");
    let path: &[GroupName<'_>] = &[&["-1"]];
    assert_eq!(
        standing(rules.admit(&in_group(&two, path), NOBODY, None)),
        Some(Standing::Stranger)
    );
}

#[test]
fn a_group_is_answered_when_the_agent_is_meant() {
    let ada = Sender::new("42");
    let path: &[GroupName<'_>] = &[&["-100"]];
    let telegram = rules("telegram", json!({ "allowFrom": [42] }));
    let silent = Mention {
        can_be_told: true,
        ..Mention::default()
    };
    let admit = |rules: &AccessRules, mention, is_command, activation| {
        let message = Inbound {
            mention,
            is_command,
            ..in_group(&ada, path)
        };
        rules.admit(&message, NOBODY, activation)
    };
    let is_overheard =
        |admission| matches!(admission, Admission::Overhear(a) if a.standing == Standing::Owner);
    assert!(is_overheard(admit(&telegram, silent, false, None)));
    let reply = Mention {
        is_reply: true,
        ..silent
    };
    let named = Mention {
        by_pattern: true,
        ..silent
    };
    let others = Mention {
        native: Some(false),
        ..named
    };
    for (mention, is_command, activation, answered) in [
        (reply, false, None, true),
        (named, false, None, true),
        // Somebody else is mentioned by the channel's own marks: the pattern does not count.
        (others, false, None, false),
        (silent, true, None, true),
        (others, true, None, false),
        (silent, false, Some(false), true),
        (silent, false, activation(Some("always")), true),
        // Where nobody can mention the agent, everything is for it.
        (Mention::default(), false, None, true),
    ] {
        let admission = admit(&telegram, mention, is_command, activation);
        assert_eq!(
            standing(admission).is_some(),
            answered,
            "{mention:?} {is_command}"
        );
    }
    let chatty = rules(
        "telegram",
        json!({ "allowFrom": [42], "groups": { "*": { "requireMention": false } } }),
    );
    assert!(standing(admit(&chatty, silent, false, None)).is_some());
    assert!(is_overheard(admit(
        &chatty,
        silent,
        false,
        activation(Some("mention"))
    )));
}

#[test]
fn commands_are_for_those_on_a_list() {
    let eve = Sender::new("66");
    let path: &[GroupName<'_>] = &[&["-100"]];
    let open = json!({ "groupPolicy": "open", "allowFrom": [42] });
    let command = Inbound {
        is_command: true,
        ..in_group(&eve, path)
    };
    assert_eq!(
        rules("telegram", open.clone()).admit(&command, NOBODY, None),
        Admission::Drop(Dropped::CommandNotAllowed)
    );
    let free =
        json!({ "channels": { "telegram": open }, "commands": { "useAccessGroups": false } });
    let free = AccessRules::from_config(&free, "telegram", "default");
    assert_eq!(
        standing(free.admit(&command, NOBODY, None)),
        Some(Standing::Stranger)
    );
}

#[test]
fn patterns_find_names_and_pass_over_what_nobody_sees() {
    let by_name = MentionPatterns::from_identity(Some("Molty Bot"), Some("🦞"));
    for (text, found) in [
        ("hey molty  bot, are you there?", true),
        ("@Molty Bot", true),
        ("mol\u{200b}ty bot", true),
        ("🦞!", true),
        ("moltybot", false),
        ("smolty botany", false),
    ] {
        assert_eq!(by_name.is_match(text), found, "{text}");
    }
    let (own, refused) = MentionPatterns::new(&["\u{8}bot\u{8}".into(), "(".into()]);
    assert!(own.is_match("Bot?") && !own.is_match("robots"));
    assert_eq!(refused, ["("]);
    assert!(MentionPatterns::from_identity(None, Some(" ")).is_empty());
}

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
}

#[test]
fn a_stranger_gets_one_code_and_the_owner_lets_them_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = PairingStore::new(dir.path().join("credentials"));
    let meta = Map::from_iter([("name".to_owned(), json!("Eve"))]);
    let Requested::New(code) = store.request("telegram", "66", meta, at(0)).unwrap() else {
        panic!("no code");
    };
    assert!(
        code.len() == 8 && code.chars().all(|c| !"01IO".contains(c)),
        "{code}"
    );
    let again = store.request("telegram", "66", Map::new(), at(1)).unwrap();
    assert_eq!(again, Requested::Waiting);
    for id in ["67", "68"] {
        let asked = store.request("telegram", id, Map::new(), at(1)).unwrap();
        assert!(matches!(asked, Requested::New(_)));
    }
    let fourth = store.request("telegram", "69", Map::new(), at(1)).unwrap();
    assert_eq!(fourth, Requested::Full);
    // Other channels have places of their own.
    let elsewhere = store.request("signal", "69", Map::new(), at(1)).unwrap();
    assert!(matches!(elsewhere, Requested::New(_)));

    assert_eq!(store.approve("telegram", "AAAAAAAA", at(2)).unwrap(), None);
    let approved = store.approve("telegram", &format!(" {} ", code.to_lowercase()), at(2));
    assert_eq!(approved.unwrap().unwrap().id, "66");
    assert_eq!(store.allowed("telegram").unwrap(), ["66"]);
    assert_eq!(store.approve("telegram", &code, at(2)).unwrap(), None);
    assert_eq!(store.waiting("telegram", at(2)).unwrap().len(), 2);
    // An hour later nobody waits, and there is room.
    assert!(store.waiting("telegram", at(61)).unwrap().is_empty());
    let late = store.request("telegram", "67", Map::new(), at(61)).unwrap();
    assert!(matches!(late, Requested::New(_)));

    store.allow("telegram", "tg:66").unwrap();
    store.allow("telegram", "*").unwrap();
    assert_eq!(store.allowed("telegram").unwrap(), ["66"]);
    assert!(store.disallow("telegram", "@66").unwrap());
    assert!(!store.disallow("telegram", "66").unwrap());
    assert!(store.allowed("telegram").unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn the_files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let credentials = dir.path().join("credentials");
    let store = PairingStore::new(&credentials);
    store.request("../x", "1", Map::new(), at(0)).unwrap();
    store.allow("../x", "2").unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&credentials), 0o700);
    let mut names = Vec::new();
    for entry in credentials.read_dir().unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [".__x.lock", "__x-allowFrom.json", "__x-pairing.json"]
    );
}

#[test]
fn the_originals_files_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = PairingStore::new(dir.path());
    let request = r#"{"version":1,"requests":[{"id":"7","code":"ABCDEFGH","createdAt":"1970-01-01T00:00:00.000Z","lastSeenAt":"1970-01-01T00:00:00.000Z","meta":{"name":"x"}}]}"#;
    std::fs::write(dir.path().join("slack-pairing.json"), request).unwrap();
    let allowed = r#"{"version":1,"allowFrom":["U1","*"]}"#;
    std::fs::write(dir.path().join("slack-allowFrom.json"), allowed).unwrap();
    assert_eq!(store.waiting("slack", at(1)).unwrap()[0].code, "ABCDEFGH");
    assert_eq!(store.allowed("slack").unwrap(), ["U1"]);
    std::fs::write(dir.path().join("slack-allowFrom.json"), "{").unwrap();
    let error = store.allowed("slack").unwrap_err().to_string();
    assert!(error.contains("slack-allowFrom.json"), "{error}");
    // What cannot be read is not written over.
    assert!(store.allow("slack", "U2").is_err());
}

#[test]
fn what_a_stranger_is_told() {
    let told = pairing_reply("telegram", "66", "ABCDEFGH", Some("work"));
    let expected = "Moltbot: access not configured.\n\nYour Telegram user id: 66\n\nPairing code: ABCDEFGH\n\nAsk the bot owner to approve with:\nmoltbot --profile work pairing approve telegram <code>";
    assert_eq!(told, expected);
}

proptest! {
    /// Whatever a stranger calls himself, a list that does not name him keeps him out.
    #[test]
    fn nobody_talks_their_way_in(id in "\\PC{0,20}", handle in "\\PC{0,20}", channel in "telegram|whatsapp|signal|slack|discord|matrix") {
        let sender = Sender::new(id).with_handle(handle);
        let names: Vec<String> = [&sender.id, &sender.handles[0]].map(|name| plain(&channel, name)).into();
        prop_assume!(!names.iter().any(|name| name == "+4917012345"));
        let rules = rules(&channel, json!({ "dmPolicy": "allowlist", "dm": { "policy": "allowlist" }, "allowFrom": ["+4917012345"] }));
        let admission = rules.admit(&direct(&sender), &["*".to_owned()], None);
        prop_assert_eq!(admission, Admission::Drop(Dropped::SenderNotListed));
    }
}
