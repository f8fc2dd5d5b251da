use proptest::prelude::*;

use super::line::TOKENS;
use super::*;

fn read(text: &str) -> ReplyText {
    ReplyText::read(text, Occasion::Person)
}

fn shown(text: &str) -> String {
    read(text).text
}

#[test]
fn silence_of_a_person_s_answer_becomes_a_sentence() {
    for text in [
        "NO_REPLY",
        " NO_REPLY\n",
        "**NO_REPLY**",
        "`NO_REPLY`",
        "no_reply.",
        "_NO_REPLY_",
        "```\nNO_REPLY\n```",
        "[[reply_to_current]] NO_REPLY",
        "NO_REPLY\n\nNO_REPLY",
        "HEARTBEAT_OK",
    ] {
        for occasion in [Occasion::Person, Occasion::Unasked] {
            let reply = ReplyText::read(text, occasion);
            assert!(reply.is_silent, "{text:?} {occasion:?}");
            assert_eq!(reply.text, "");
            assert_eq!(reply.for_person(), NOTHING_SAID);
        }
    }
    assert_eq!(read("").for_person(), NOTHING_SAID);
    assert!(!read("").is_silent);
}

#[test]
fn an_answer_is_not_silenced_by_a_word_in_it() {
    for (text, left) in [
        ("Saved.\n\nNO_REPLY", "Saved.\n\n"),
        ("NO_REPLY\n\nSaved.", "Saved."),
        ("Saved. NO_REPLY", "Saved. "),
        ("NO_REPLY is what I say then.", "is what I say then."),
        ("I answer NO_REPLY, then.", "I answer , then."),
        ("I answer NO_REPLY and stop.", "I answer and stop."),
        ("The word is `NO_REPLY`.", "The word is `NO_REPLY`."),
        ("Say:\n```\nNO_REPLY\n```\n", "Say:\n```\nNO_REPLY\n```\n"),
        ("NO_REPLYING and MY_NO_REPLY", "NO_REPLYING and MY_NO_REPLY"),
        ("An open ` before NO_REPLY here", "An open ` before here"),
        ("All quiet. HEARTBEAT_OK", "All quiet. "),
    ] {
        let reply = read(text);
        assert_eq!(reply.text, left, "{text:?}");
        assert!(!reply.is_silent, "{text:?}");
    }
}

#[test]
fn where_nobody_waits_a_first_or_last_line_silences_all() {
    for (text, is_silent) in [
        ("I stored the notes.\n\nNO_REPLY", true),
        ("NO_REPLY\nI stored the notes.", true),
        ("I stored the notes.\n**NO_REPLY**\n", true),
        ("One.\nNO_REPLY\nTwo.", false),
        ("I stored the notes. NO_REPLY", false),
        ("All quiet.\nHEARTBEAT_OK", false),
    ] {
        let reply = ReplyText::read(text, Occasion::Unasked);
        assert_eq!(reply.is_silent, is_silent, "{text:?}");
        assert_eq!(reply.text.is_empty(), is_silent, "{text:?}");
    }
    let media = ReplyText::read("MEDIA:/tmp/a.png\nNO_REPLY", Occasion::Unasked);
    assert!(media.is_silent);
    assert_eq!(media.media, [Media::Path("/tmp/a.png".into())]);
}

#[test]
fn a_heartbeat_is_acknowledged_at_its_ends_with_few_words_beside() {
    let heartbeat = |text: &str, most| {
        ReplyText::read(
            text,
            Occasion::Heartbeat {
                ack_max_chars: most,
            },
        )
    };
    for text in [
        "HEARTBEAT_OK",
        "**HEARTBEAT_OK**",
        "<b>HEARTBEAT_OK</b>&nbsp;",
        "All quiet. HEARTBEAT_OK",
        "HEARTBEAT_OK HEARTBEAT_OK",
        "HEARTBEAT_OK - nothing new",
    ] {
        let reply = heartbeat(text, 300);
        assert!(reply.heartbeat_ok && reply.is_silent, "{text:?}");
        assert_eq!(reply.text, "");
    }
    let long = heartbeat("Mail from the bank. HEARTBEAT_OK", 10);
    assert!(!long.heartbeat_ok && !long.is_silent);
    assert_eq!(long.text, "Mail from the bank. ");
    let within = heartbeat("I say HEARTBEAT_OK because it is quiet.", 300);
    assert!(!within.heartbeat_ok);
    assert_eq!(within.text, "I say because it is quiet.");
    assert!(!read("HEARTBEAT_OK").heartbeat_ok, "only in heartbeats");
}

#[test]
fn tags_set_the_message_that_is_answered_and_are_taken_out() {
    for (text, left, to) in [
        ("[[reply_to_current]] Yes.", "Yes.", Some(ReplyTo::Current)),
        (
            "Yes. [[ reply_to: 42 ]]",
            "Yes. ",
            Some(ReplyTo::Message("42".into())),
        ),
        ("Yes[[reply_to_current]]!", "Yes!", Some(ReplyTo::Current)),
        (
            "one[[reply_to_current]]two",
            "one two",
            Some(ReplyTo::Current),
        ),
        (
            "[[Reply_To_Current]]\n\nYes.",
            "Yes.",
            Some(ReplyTo::Current),
        ),
        ("`[[reply_to_current]]`", "`[[reply_to_current]]`", None),
        (
            "[[a link]] and [[reply_to:]]",
            "[[a link]] and [[reply_to:]]",
            None,
        ),
        ("[[reply_to_current", "[[reply_to_current", None),
    ] {
        let reply = read(text);
        assert_eq!(reply.text, left, "{text:?}");
        assert_eq!(reply.reply_to, to, "{text:?}");
    }
    assert!(read("[[audio_as_voice]]\nMEDIA:/tmp/a.ogg").as_voice);
}

#[test]
fn media_lines_count_outside_code_alone() {
    let reply = read(
        "Here:\nMEDIA:/tmp/a.png\n  MEDIA: `/tmp/b c.png`\nMEDIA: the press\n```\nMEDIA:/tmp/no.png\n```\nas in MEDIA:/x\n[[reply_to_current]] MEDIA:https://x.org/c.png",
    );
    assert_eq!(
        reply.text,
        "Here:\nMEDIA: the press\n```\nMEDIA:/tmp/no.png\n```\nas in MEDIA:/x\n"
    );
    let media: Vec<&str> = reply.media.iter().map(Media::as_str).collect();
    assert_eq!(media, ["/tmp/a.png", "/tmp/b c.png", "https://x.org/c.png"]);
    assert_eq!(
        read("MEDIA:/tmp/a.png").for_person(),
        "",
        "there is something to see"
    );
}

#[test]
fn what_cannot_become_a_magic_word_is_shown_at_once() {
    let mut filter = ReplyFilter::new(Occasion::Person);
    assert_eq!(filter.push("Sure"), "Sure");
    assert_eq!(filter.push(", NO"), ", ");
    assert_eq!(filter.push("VEMBER [[x"), "NOVEMBER ");
    assert_eq!(filter.push("]].\nM"), "[[x]].\n");
    assert_eq!(filter.push("any"), "Many");
    assert_eq!(filter.push("\nNO_REPLY"), "\n");
    let (rest, reply) = filter.finish();
    assert_eq!(rest, "");
    assert_eq!(reply.text, "Sure, NOVEMBER [[x]].\nMany\n");
}

/// Pieces that replies are made of, the odd ones more often than in life.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("NO_REPLY"),
        Just("HEARTBEAT_OK"),
        Just("[[reply_to_current]]"),
        Just("[[reply_to:7]]"),
        Just("[[reply_"),
        Just("to_current]]"),
        Just("[["),
        Just("]]"),
        Just("MEDIA:"),
        Just("ME"),
        Just("DIA:"),
        Just("/tmp/a.png"),
        Just("NO_"),
        Just("REPLY"),
        Just("_"),
        Just("**"),
        Just("`"),
        Just("```"),
        Just("~~~"),
        Just("\n"),
        Just("\r\n"),
        Just(" "),
        Just("."),
        Just("word"),
        Just("é"),
        Just("N"),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// Whether a token stands in a text as a word.
fn has_token(text: &str) -> bool {
    TOKENS.iter().any(|token| {
        text.match_indices(token).any(|(at, _)| {
            let before = text[..at].trim_end_matches('_').chars().next_back();
            let after = text[at + token.len()..]
                .trim_start_matches('_')
                .chars()
                .next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
    })
}

#[test]
fn white_space_before_silence_is_not_shown() {
    let mut filter = ReplyFilter::new(Occasion::Person);
    let text = "\nNO_REPLY[[reply_to_current]]MEDIA:/tmp/a.png";
    let mut given: String = text.chars().map(|c| filter.push(&c.to_string())).collect();
    let (rest, reply) = filter.finish();
    given.push_str(&rest);
    assert_eq!((given.as_str(), reply.text.as_str()), ("", ""));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_cut_shows_the_same(text in pieces(), seed in prop::collection::vec(1usize..6, 0..60)) {
        for occasion in [Occasion::Person, Occasion::Unasked, Occasion::Heartbeat { ack_max_chars: 4 }] {
            let mut filter = ReplyFilter::new(occasion);
            let mut given = String::new();
            let mut chars = text.chars().peekable();
            let mut sizes = seed.iter().cycle();
            while chars.peek().is_some() {
                let size = sizes.next().copied().unwrap_or(1);
                let piece: String = chars.by_ref().take(size).collect();
                given.push_str(&filter.push(&piece));
            }
            let (rest, reply) = filter.finish();
            given.push_str(&rest);
            prop_assert_eq!(&reply, &ReplyText::read(&text, occasion));
            if occasion == Occasion::Person || !reply.is_silent {
                prop_assert_eq!(given, reply.text);
            } else {
                prop_assert_eq!(given, "");
            }
        }
    }

    #[test]
    fn no_magic_word_comes_through(text in pieces()) {
        let once = read(&text);
        // What stands behind `MEDIA:` and cannot be sent is text, even where something was taken out of it.
        if !once.text.contains("MEDIA:") {
            let twice = read(&once.text);
            prop_assert_eq!(&twice.text, &once.text);
            prop_assert!(twice.media.is_empty() && twice.reply_to.is_none() && !twice.is_silent);
        }
        if !text.contains(['`', '~']) {
            prop_assert!(!has_token(&once.text), "{:?}", once.text);
            prop_assert!(!once.text.contains("[[reply_to_current]]"));
        }
    }

    #[test]
    fn other_text_is_left_as_it_is(text in "[a-zA-Z`~*_\\[\\]:/ \n.N-]{0,80}") {
        let is_plain = TOKENS.iter().all(|token| !text.to_ascii_uppercase().contains(token))
            && !text.contains("[[") && !text.contains("MEDIA:");
        prop_assume!(is_plain);
        prop_assert_eq!(shown(&text), text);
    }
}
