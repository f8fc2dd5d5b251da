//! The index: what is found, and that it always says what the files say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use moltbot_llm::Places;
use moltbot_tools::memory::{Holdings, Indexed, MemoryError, PieceSize, Question, Synced};
use proptest::prelude::*;
use rusqlite::Connection;

use super::{Notes, paths, search};

fn synced(read: usize, removed: usize) -> Indexed {
    Indexed {
        notes: Synced { read, removed },
        ..Indexed::default()
    }
}

/// Gives a file a time of change that is long past.
fn settle(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

#[tokio::test]
async fn words_of_every_script_are_found() {
    let notes = Notes::new(&[
        ("memory/zh.md", "我的牙医预约在星期三。\n养了一只橘猫。"),
        ("memory/ja.md", "歯医者の予約は水曜日です。"),
        ("memory/ko.md", "치과에서 수요일에 만나요."),
        ("memory/th.md", "นัดหมอฟันวันพุธ"),
        ("memory/hi.md", "नमस्ते दुनिया"),
        (
            "memory/de.md",
            "Der Zahnarzt heißt Müller, Termin am Mittwoch.",
        ),
        ("memory/ru.md", "Стоматолог в среду."),
        (
            "memory/en.md",
            "Dentists' appointments: call foo_bar-baz at 10:30.",
        ),
    ]);
    let memory = notes.memory();
    for (question, file) in [
        ("牙医", "zh"),
        ("预约是什么时候？", "zh"),
        ("猫", "zh"),
        ("橘", "zh"),
        ("予約", "ja"),
        ("수요일", "ko"),
        ("หมอฟัน", "th"),
        ("नमस्ते", "hi"),
        ("muller", "de"),
        ("ZAHNARZT", "de"),
        ("стоматолог", "ru"),
        ("appointment of the dentist", "en"),
        ("foo_bar", "en"),
        ("“foo”", "en"),
        ("10:30", "en"),
    ] {
        let found = paths(&memory, question).await;
        assert_eq!(
            found.first(),
            Some(&format!("memory/{file}.md")),
            "{question}: {found:?}"
        );
    }
    for nothing in [
        "xylophone",
        "\"\"",
        "AND OR NOT",
        "* ( ) ^ : \0 '",
        "😀",
        "",
        "NEAR(a b)",
    ] {
        assert_eq!(
            paths(&memory, nothing).await,
            Vec::<String>::new(),
            "{nothing}"
        );
    }
}

#[tokio::test]
async fn rare_words_weigh_more_than_common_ones() {
    let mut files: Vec<(String, String)> = (0..20)
        .map(|n| {
            (
                format!("memory/{n:02}.md"),
                format!("We talked about the garden, day {n}."),
            )
        })
        .collect();
    files.push((
        "memory/wifi.md".to_owned(),
        "The wifi password is under the router.".to_owned(),
    ));
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let notes = Notes::new(&files);
    let found = search(&notes.memory(), "what is the password of the garden wifi").await;
    assert_eq!(found.results.len(), 6);
    assert_eq!(found.results[0].path, "memory/wifi.md");
    assert_eq!(found.results[0].score, 1.0);
    assert!(found.results[1].score < 0.35, "{found:?}");
    // The least score of the configuration is not for words: the only hit of a common word is a hit.
    assert_eq!(paths(&notes.memory(), "day 7").await[0], "memory/07.md");
}

#[tokio::test]
async fn a_long_note_is_cited_by_its_lines() {
    let lines: Vec<String> = (1..=400)
        .map(|n| format!("Line {n} says nothing of interest, as always."))
        .collect();
    let mut text = lines.join("\n");
    text = text.replace(
        "Line 321 says",
        "Line 321 tells about the harpsichord and says",
    );
    let notes = Notes::new(&[("memory/long.md", &text)]);
    let found = search(&notes.memory(), "harpsichord").await;
    let hit = &found.results[0];
    assert!(
        hit.start_line <= 321 && 321 <= hit.end_line && hit.end_line - hit.start_line < 50,
        "{hit:?}"
    );
    assert!(hit.snippet.contains("harpsichord") && hit.snippet.chars().count() <= 700);
}

#[tokio::test]
async fn only_what_changed_is_read_again() {
    let notes = Notes::new(&[
        ("MEMORY.md", "one"),
        ("memory/a.md", "two"),
        ("memory/deep/b.md", "three"),
    ]);
    for name in ["MEMORY.md", "memory/a.md", "memory/deep/b.md"] {
        settle(&notes.settings.workspace.join(name), 0);
    }
    let memory = notes.memory();
    assert_eq!(
        memory.holdings().await.unwrap(),
        Holdings {
            files: 3,
            ..Holdings::default()
        }
    );
    assert!(!notes.settings.index.exists(), "asking makes nothing");
    assert_eq!(memory.index(false).await.unwrap(), synced(3, 0));
    assert_eq!(memory.index(false).await.unwrap(), synced(0, 0));
    // A new time, the same text.
    settle(&notes.write("memory/a.md", "two"), 5);
    assert_eq!(memory.index(false).await.unwrap(), synced(0, 0));
    settle(&notes.write("memory/a.md", "owt"), 6);
    fs::remove_file(notes.settings.workspace.join("memory/deep/b.md")).unwrap();
    assert_eq!(memory.index(false).await.unwrap(), synced(1, 1));
    // The time is trusted where it is old: this change leaves no trace.
    settle(&notes.write("memory/a.md", "two"), 6);
    assert_eq!(memory.index(false).await.unwrap(), synced(0, 0));
    assert_eq!(memory.index(true).await.unwrap(), synced(2, 0));
    assert_eq!(
        memory.holdings().await.unwrap(),
        Holdings {
            files: 2,
            notes: 2,
            pieces: 2,
            with_vector: 0
        }
    );
    // Another size of pieces cuts everything anew.
    let mut other = Notes {
        dir: notes.dir,
        settings: notes.settings,
    };
    other.settings.piece = PieceSize::of_tokens(100, 0);
    assert_eq!(other.memory().index(false).await.unwrap(), synced(2, 0));
    // A search that may not look for changes finds what was there.
    other.settings.sync_on_search = false;
    other.write("MEMORY.md", "four");
    assert_eq!(paths(&other.memory(), "one four").await, ["MEMORY.md"]);
    assert_eq!(paths(&other.memory(), "four").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_broken_index_is_made_anew_and_a_foreign_database_is_left_alone() {
    let notes = Notes::new(&[("MEMORY.md", "The dentist is Dr. Wu.")]);
    let file = &notes.settings.index;
    let sidecars = || ["-wal", "-shm"].map(|end| format!("{}{end}", file.display()));
    let is_found = async |what: &str| {
        assert_eq!(
            paths(&notes.memory(), "dentist").await,
            ["MEMORY.md"],
            "{what}"
        );
    };
    is_found("new").await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o077, 0);
    }
    fs::write(
        file,
        "This is no database, however long one looks at it.".repeat(100),
    )
    .unwrap();
    is_found("not a database").await;
    let whole = fs::read(file).unwrap();
    fs::write(file, &whole[..whole.len() / 2]).unwrap();
    is_found("cut in half").await;
    fs::write(file, "").unwrap();
    for sidecar in sidecars() {
        let _ = fs::remove_file(sidecar);
    }
    is_found("empty").await;
    Connection::open(file)
        .unwrap()
        .execute_batch("DROP TABLE pieces")
        .unwrap();
    is_found("a table is gone").await;
    Connection::open(file)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    is_found("of a later version").await;
    fs::remove_file(file).unwrap();
    for sidecar in sidecars() {
        let _ = fs::remove_file(sidecar);
    }
    let original =
        "CREATE TABLE meta (key, value); CREATE TABLE files (path); CREATE TABLE chunks (id);";
    Connection::open(file)
        .unwrap()
        .execute_batch(original)
        .unwrap();
    is_found("the original's").await;

    fs::remove_file(file).unwrap();
    for sidecar in sidecars() {
        let _ = fs::remove_file(sidecar);
    }
    Connection::open(file)
        .unwrap()
        .execute_batch("CREATE TABLE mine (a); INSERT INTO mine VALUES (1);")
        .unwrap();
    let failed = notes.memory().index(true).await;
    assert!(
        matches!(&failed, Err(MemoryError::Foreign { path }) if path == file),
        "{failed:?}"
    );
    let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    assert_eq!(
        Connection::open(file)
            .unwrap()
            .query_row("SELECT count(*) FROM mine", [], count),
        Ok(1)
    );
}

/// A piece: path, first and last line, text.
type Row = (String, i64, i64, String);

/// All that an index holds: the pieces in their order, and which word is how often in which of them.
fn contents(file: &Path) -> (Vec<Row>, BTreeMap<(String, String), usize>) {
    let connection = Connection::open(file).unwrap();
    let query = "SELECT path, start_line, end_line, text FROM pieces ORDER BY path, id";
    let mut statement = connection.prepare(query).unwrap();
    let pieces = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    let pieces: Vec<Row> = pieces.unwrap().map(Result::unwrap).collect();
    connection
        .execute_batch(
            "CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab (main, words, instance)",
        )
        .unwrap();
    let query =
        "SELECT term, path || ':' || start_line FROM vocabulary LEFT JOIN pieces ON id = doc";
    let mut statement = connection.prepare(query).unwrap();
    let mut words = BTreeMap::new();
    let rows = statement.query_map([], |row| {
        Ok((
            // A mark that stands alone makes an empty word, which is told as none.
            row.get::<_, Option<String>>(0)?.unwrap_or_default(),
            row.get::<_, Option<String>>(1)?.unwrap_or_default(),
        ))
    });
    for word in rows.unwrap() {
        *words.entry(word.unwrap()).or_default() += 1;
    }
    (pieces, words)
}

#[derive(Debug, Clone)]
enum Edit {
    Write(usize, Vec<u8>),
    Remove(usize),
    Look,
}

const FILES: [&str; 5] = [
    "MEMORY.md",
    "memory.md",
    "memory/a.md",
    "memory/b/c.md",
    "memory/牙 医.md",
];

fn edit() -> impl Strategy<Value = Edit> {
    let text = prop_oneof![
        3 => "([a-c]{1,3}[ \n]|牙医|\r\n){0,40}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => "(?s).{0,80}".prop_map(String::into_bytes),
    ];
    prop_oneof![
        4 => (0..FILES.len(), text).prop_map(|(file, text)| Edit::Write(file, text)),
        1 => (0..FILES.len()).prop_map(Edit::Remove),
        2 => Just(Edit::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn after_any_edits_and_questions_the_index_is_as_a_new_one(
        edits in prop::collection::vec(edit(), 1..12),
        questions in prop::collection::vec("(?s).{0,40}|[a-c牙医 \"*()]{0,12}", 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut notes = Notes::new(&[]);
            notes.settings.piece = PieceSize { bytes: 24, overlap: 8 };
            let memory = notes.memory();
            for edit in edits {
                match edit {
                    Edit::Write(file, text) => drop(notes.write(FILES[file], text)),
                    Edit::Remove(file) => {
                        let _ = fs::remove_file(notes.settings.workspace.join(FILES[file]));
                    }
                    Edit::Look => {
                        for text in &questions {
                            let question = Question { text: text.clone(), ..Question::default() };
                            let found = memory.search(&question, &Places::default()).await;
                            prop_assert!(found.is_ok(), "{question:?}: {found:?}");
                        }
                    }
                }
            }
            memory.index(false).await.unwrap();
            let kept = contents(&notes.settings.index);
            notes.settings.index = notes.dir.path().join("new.sqlite");
            notes.memory().index(false).await.unwrap();
            prop_assert_eq!(kept, contents(&notes.settings.index));
            Ok(())
        })?;
    }
}
