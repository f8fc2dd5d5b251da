#![allow(clippy::unwrap_used)]

use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::document::{
    AnswerText, Body, Condition, DIALECTS, Document, Edit, FINISHES, Item, Line, REASONING_FIELDS,
    Rule, Test, Timing, UsageText,
};
use super::{Problem, Script, ScriptError, parse};
use crate::answer::{Block, Usage};

/// The line that is wrong, and what is.
fn error(text: &str) -> (usize, Problem) {
    match Script::parse(text) {
        Err(ScriptError::Line { line, problem }) => (line, problem),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was read: {text}"),
    }
}

#[test]
fn each_mistake_is_told_with_its_line() {
    type Expected = fn(&Problem) -> bool;
    let cases: [(&str, usize, Expected); 30] = [
        ("  status 200", 1, |p| *p == Problem::OutsideARule),
        ("post /v1", 1, |p| matches!(p, Problem::NotARule(_))),
        ("# x\n\nPOST v1", 3, |p| matches!(p, Problem::NotARule(_))),
        ("POST", 1, |p| matches!(p, Problem::NotARule(_))),
        ("any twice", 1, |p| {
            *p == Problem::UnknownWord("twice".into())
        }),
        ("any times 0\n cut", 1, |p| {
            matches!(p, Problem::Number { .. })
        }),
        ("any nth x\n cut", 1, |p| {
            matches!(p, Problem::Number { .. })
        }),
        ("any times", 1, |p| matches!(p, Problem::Number { .. })),
        ("any\n\nGET /", 1, |p| *p == Problem::Empty),
        ("any\n  status 204\nGET /x once\n", 3, |p| {
            *p == Problem::Empty
        }),
        ("any\n status 99", 2, |p| {
            matches!(p, Problem::Number { .. })
        }),
        ("any\n status 600", 2, |p| {
            matches!(p, Problem::Number { .. })
        }),
        ("any\n status 200 now", 2, |p| {
            *p == Problem::Surplus("now".into())
        }),
        ("any\n status", 2, |p| matches!(p, Problem::Missing { .. })),
        ("any\n header Accept", 2, |p| {
            matches!(p, Problem::Header(_))
        }),
        ("any\n header a b: c", 2, |p| {
            matches!(p, Problem::Header(_))
        }),
        ("any\n when stream exists", 2, |p| {
            matches!(p, Problem::Pointer(_))
        }),
        ("any\n when /stream", 2, |p| {
            matches!(p, Problem::Missing { .. })
        }),
        ("any\n when /stream == 1", 2, |p| {
            matches!(p, Problem::UnknownWord(_))
        }),
        ("any\n when /stream = ", 2, |p| {
            matches!(p, Problem::Json { .. })
        }),
        ("any\n json {\"a\": 1,,}", 2, |p| {
            matches!(p, Problem::Json { .. })
        }),
        ("any\n body plain", 2, |p| matches!(p, Problem::Json { .. })),
        ("any\n body 7", 2, |p| matches!(p, Problem::Json { .. })),
        ("any\n json 1\n json 2", 3, |p| {
            *p == Problem::SecondAnswer {
                first: "json",
                second: "json".into(),
            }
        }),
        ("any\n json 1\n data x", 3, |p| {
            matches!(p, Problem::SecondAnswer { .. })
        }),
        ("any\n json 1\n text \"x\"", 3, |p| {
            matches!(p, Problem::NoAnswer(_))
        }),
        ("any\n answer klingon", 2, |p| {
            matches!(p, Problem::UnknownWord(_))
        }),
        ("any\n answer\n call x", 3, |p| {
            matches!(p, Problem::Missing { .. })
        }),
        ("any\n answer\n after 2 words cut", 3, |p| {
            matches!(p, Problem::UnknownWord(_))
        }),
        ("any\n answer\n after 2 frames sing", 3, |p| {
            matches!(p, Problem::Missing { .. })
        }),
    ];
    for (text, line, expected) in cases {
        let (found, problem) = error(text);
        assert!(expected(&problem), "{text}: {problem:?}");
        assert_eq!(found, line, "{text}: {problem}");
    }
}

#[test]
fn a_mistake_is_a_sentence() {
    let sentence = Script::parse("any\n status 99").err().unwrap().to_string();
    assert_eq!(
        sentence,
        "Line 2: \"status\" takes a status from 200 to 599, not \"99\"."
    );
}

#[test]
fn json_that_never_ends_is_told_where_it_stops() {
    let (line, problem) = error("any\n  json {\n    \"a\": [1,\n\n");
    assert!(matches!(problem, Problem::Json { .. }), "{problem}");
    assert_eq!(line, 2);
}

#[test]
fn json_may_go_on_over_lines() {
    let document = parse::document("any\n  json {\n\"a\":\n\n  [1, 2]\n}\n  status 500\n").unwrap();
    assert_eq!(document.rules[0].body, Body::Json(json!({"a": [1, 2]})));
    assert_eq!(document.rules[0].status, Some(500));
}

#[test]
fn a_fixture_that_is_missing_is_told_with_the_rule_s_line() {
    let error = Script::parse("any\n cut\n\nGET /\n  fixture no/such.http")
        .err()
        .unwrap();
    assert_eq!(error.line(), Some(4));
    assert!(error.to_string().contains("no/such.http"), "{error}");
    let error = Script::load("no/such.script").err().unwrap();
    assert_eq!(error.line(), None);
}

/// Text without a line break or white space at its ends.
fn words() -> impl Strategy<Value = String> {
    "[!-~é]([ -~é]{0,12}[!-~é])?"
}

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9_./-]{0,8}[a-z0-9]"
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..3)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn timing() -> impl Strategy<Value = Timing> {
    prop_oneof![
        name().prop_map(Timing::Pause),
        name().prop_map(Timing::Release),
        Just(Timing::Cut),
        Just(Timing::Reset),
        Just(Timing::Hang),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        words().prop_map(Item::Data),
        Just(Item::Data(String::new())),
        (name(), words()).prop_map(|(name, data)| Item::Event { name, data }),
        words().prop_map(Item::Comment),
        any::<String>().prop_map(Item::Bytes),
        timing().prop_map(Item::Timing),
    ]
}

fn part() -> impl Strategy<Value = Block> {
    prop_oneof![
        any::<String>().prop_map(Block::Text),
        any::<String>().prop_map(Block::Thinking),
        (
            prop_oneof![Just(String::new()), "[a-z0-9_]{1,9}"],
            name(),
            words()
        )
            .prop_map(|(id, name, arguments)| Block::ToolCall {
                id,
                name,
                arguments
            }),
    ]
}

prop_compose! {
    fn answer()(
        dialect in option::of(prop::sample::select(DIALECTS.map(|(_, dialect)| dialect).to_vec())),
        parts in prop::collection::vec(part(), 0..4),
        id in option::of(name()),
        model in option::of(name()),
        finish in option::of(prop::sample::select(FINISHES.map(|(_, finish)| finish).to_vec())),
        usage in prop_oneof![
            Just(UsageText::Counted),
            Just(UsageText::Absent),
            any::<[u64; 4]>().prop_map(|figures| UsageText::Given(Usage {
                input_tokens: figures[0],
                cached_tokens: figures[1],
                output_tokens: figures[2],
                reasoning_tokens: figures[3],
            })),
        ],
        reasoning_field in option::of(prop::sample::select(REASONING_FIELDS.to_vec())),
    ) -> AnswerText {
        AnswerText { dialect, parts, id, model, finish, usage, reasoning_field }
    }
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        value().prop_map(Body::Json),
        any::<String>().prop_map(Body::Text),
        prop::collection::vec(name(), 0..3).prop_map(Body::Models),
        prop::collection::vec(item(), 0..5).prop_map(Body::Stream),
        answer().prop_map(Body::Answer),
        words().prop_map(Body::Fixture),
    ]
}

fn edit(at_end: bool) -> impl Strategy<Value = Edit> {
    let bare = match at_end {
        true => timing().prop_map(Edit::AtEnd).boxed(),
        false => timing().prop_map(Edit::Before).boxed(),
    };
    prop_oneof![
        timing().prop_map(Edit::Before),
        (0usize..99, timing()).prop_map(|(count, timing)| Edit::AfterFrames(count, timing)),
        (0usize..9999, timing()).prop_map(|(count, timing)| Edit::AfterBytes(count, timing)),
        bare,
        (1usize..99).prop_map(Edit::Drip),
        Just(Edit::UntilClose),
        Just(Edit::Chunked),
        any::<usize>().prop_map(Edit::Length),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let test = prop_oneof![
        Just(Test::Exists),
        Just(Test::Absent),
        value().prop_map(Test::Equals),
        value().prop_map(Test::Contains),
    ];
    ("/[a-z0-9/~]{0,9}", test).prop_map(|(pointer, test)| Condition { pointer, test })
}

prop_compose! {
    fn head()(
        (method, path) in prop_oneof![
            (Just(None), prop_oneof![Just(String::new()), "/[a-z0-9/]{0,9}"]),
            ("[A-Z]{1,7}".prop_map(Some), "/[a-z0-9/]{0,9}".prop_map(String::from).boxed()),
        ],
        times in option::of(1usize..9),
        nth in option::of(1usize..9),
        conditions in prop::collection::vec(condition(), 0..3),
        key in option::of(name()),
        status in option::of(200u16..600),
        headers in prop::collection::vec(("[a-zA-Z0-9_-]{1,9}", words()), 0..3),
    ) -> Rule {
        Rule { line: Line(0), method, path, times, nth, conditions, key, status, headers, ..Rule::default() }
    }
}

fn rule() -> impl Strategy<Value = Rule> {
    (head(), body()).prop_flat_map(|(head, body)| {
        let at_end = !matches!(body, Body::Stream(_));
        prop::collection::vec(edit(at_end), 0..4).prop_map(move |edits| Rule {
            body: body.clone(),
            edits,
            ..head.clone()
        })
    })
}

/// A text of a script's own words, in any disorder.
fn jumble() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "any", "POST", "/v1", "\n", "\n ", "\n  ", "once", "times", "nth", "when", "/a", "exists",
        "=", "contains", "key", "status", "header", "a: b", "json", "{", "}", "[", "\"", "\"x\"",
        "answer", "chat", "text", "call", "usage", "input=1", "data", "event", "bytes", "after",
        "2", "frames", "before", "pause", "cut", "drip", "length", "fixture", "#", "-1", "é",
    ]);
    prop::collection::vec(word, 0..30).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_the_same(rules in prop::collection::vec(rule(), 0..4)) {
        let document = Document { rules };
        let text = document.to_string();
        match parse::document(&text) {
            Ok(read) => prop_assert_eq!(read, document, "{}", text),
            Err(error) => prop_assert!(false, "{error}\n{text}"),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![any::<String>(), jumble(), "[ -~\n]{0,80}"]) {
        if let Err(error) = parse::document(&text) {
            let line = error.line().unwrap();
            prop_assert!(line >= 1 && line <= text.lines().count(), "{}", error);
        }
    }
}
