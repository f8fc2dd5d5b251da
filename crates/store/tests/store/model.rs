//! Any sequence of calls, on two handles to one file, leaves what a model in memory says it should.

use std::path::Path;

use moltbot_store::{NewEntry, SessionPatch, Store, StoreError, TurnEnd, TurnState, Usage};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::open;

const KEYS: [&str; 2] = ["agent:main:main", "agent:main:dm:ada"];

/// A call on handle `h`, about session `k` of [`KEYS`]. `back` counts transcripts back from the
/// current one.
#[derive(Clone, Debug)]
enum Call {
    Begin {
        h: usize,
        k: usize,
        n: usize,
    },
    Append {
        h: usize,
        k: usize,
        back: usize,
    },
    Finish {
        h: usize,
        k: usize,
        back: usize,
        end: TurnEnd,
        n: usize,
        tokens: u32,
    },
    Record {
        h: usize,
        k: usize,
        n: usize,
    },
    Reset {
        h: usize,
        k: usize,
    },
    Set {
        h: usize,
        k: usize,
        name: usize,
        value: Option<u8>,
    },
    Close {
        h: usize,
    },
    Open {
        h: usize,
    },
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let end = prop_oneof![
        Just(TurnEnd::Done),
        Just(TurnEnd::Aborted),
        Just(TurnEnd::Failed("No answer.".to_owned())),
    ];
    let (h, k, n) = (0..2usize, 0..KEYS.len(), 0..4usize);
    let call = prop_oneof![
        4 => (h.clone(), k.clone(), n.clone()).prop_map(|(h, k, n)| Call::Begin { h, k, n }),
        4 => (h.clone(), k.clone(), 0..2usize).prop_map(|(h, k, back)| Call::Append { h, k, back }),
        4 => (h.clone(), k.clone(), 0..2usize, end, n.clone(), any::<u32>())
            .prop_map(|(h, k, back, end, n, tokens)| Call::Finish { h, k, back, end, n, tokens }),
        2 => (h.clone(), k.clone(), n).prop_map(|(h, k, n)| Call::Record { h, k, n }),
        1 => (h.clone(), k.clone()).prop_map(|(h, k)| Call::Reset { h, k }),
        1 => (h.clone(), k, 0..3usize, any::<Option<u8>>())
            .prop_map(|(h, k, name, value)| Call::Set { h, k, name, value }),
        1 => h.clone().prop_map(|h| Call::Close { h }),
        3 => h.prop_map(|h| Call::Open { h }),
    ];
    prop::collection::vec(call, 1..40)
}

#[derive(Debug, Default)]
struct Model {
    sessions: [Session; KEYS.len()],
    /// The handle's life, counted; `None` while it is closed.
    open: [Option<usize>; 2],
    lives: usize,
    /// Numbers the bodies, so that no two are the same.
    written: usize,
}

#[derive(Debug, Default)]
struct Session {
    transcripts: Vec<Transcript>,
    settings: Map<String, Value>,
}

#[derive(Debug, Default)]
struct Transcript {
    id: String,
    /// Turn and body.
    entries: Vec<(String, String)>,
    turns: Vec<Turn>,
}

#[derive(Debug)]
struct Turn {
    id: String,
    life: usize,
    state: TurnState,
    tokens: u32,
}

/// What a call on a turn must give.
enum Expected {
    Fine,
    Over(TurnState),
    NotYours,
}

impl Model {
    fn new_entries(&mut self, n: usize) -> Vec<NewEntry> {
        (0..n)
            .map(|_| {
                self.written += 1;
                NewEntry::new("message", json!({ "n": self.written }).to_string())
            })
            .collect()
    }

    fn current(&mut self, k: usize) -> &mut Transcript {
        self.sessions[k].transcripts.last_mut().unwrap()
    }

    fn turns(&mut self) -> impl Iterator<Item = &mut Turn> {
        let transcripts = self
            .sessions
            .iter_mut()
            .flat_map(|session| &mut session.transcripts);
        transcripts.flat_map(|transcript| &mut transcript.turns)
    }

    fn interrupt(&mut self, of: impl Fn(usize) -> bool) {
        for turn in self
            .turns()
            .filter(|turn| turn.state == TurnState::Running && of(turn.life))
        {
            turn.state = TurnState::Interrupted;
        }
    }

    /// Whether a turn can begin. A running turn of a dead handle gives way, with all others of that
    /// handle.
    fn makes_way(&mut self, k: usize) -> bool {
        let running = self
            .current(k)
            .turns
            .iter()
            .find(|turn| turn.state == TurnState::Running);
        let Some(life) = running.map(|turn| turn.life) else {
            return true;
        };
        let alive = self.open.contains(&Some(life));
        if !alive {
            self.interrupt(|its| its == life);
        }
        !alive
    }

    /// The last turn of a transcript and what working on it with handle `h` must give.
    fn last_turn(
        &mut self,
        h: usize,
        k: usize,
        back: usize,
    ) -> Option<(&mut Transcript, Expected)> {
        let life = self.open[h];
        let at = self.sessions[k].transcripts.len().checked_sub(1 + back)?;
        let transcript = &mut self.sessions[k].transcripts[at];
        let turn = transcript.turns.last()?;
        let expected = match turn.state {
            TurnState::Running if Some(turn.life) == life => Expected::Fine,
            TurnState::Running => Expected::NotYours,
            state => Expected::Over(state),
        };
        Some((transcript, expected))
    }
}

impl Transcript {
    fn store(&mut self, turn_id: &str, entries: Vec<NewEntry>) {
        self.entries.extend(
            entries
                .into_iter()
                .map(|entry| (turn_id.to_owned(), entry.body)),
        );
    }
}

fn check_refused<T: std::fmt::Debug>(result: Result<T, StoreError>, expected: &Expected) {
    match (expected, &result) {
        (Expected::Over(state), Err(StoreError::TurnOver { state: said, .. })) if state == said => {
        }
        (Expected::NotYours, Err(StoreError::NotYourTurn { .. })) => {}
        _ => panic!("not refused as expected: {result:?}"),
    }
}

async fn apply(call: Call, model: &mut Model, stores: &mut [Option<Store>; 2], dir: &Path) {
    match call {
        Call::Open { h } => {
            if stores[h].is_none() {
                stores[h] = Some(open(dir));
                model.lives += 1;
                model.open[h] = Some(model.lives);
                let open = model.open;
                model.interrupt(|life| !open.contains(&Some(life)));
            }
        }
        Call::Close { h } => {
            stores[h] = None;
            model.open[h] = None;
        }
        Call::Begin { h, k, n } => {
            let Some(store) = &stores[h] else { return };
            let entries = model.new_entries(n);
            let begun = store
                .begin_turn(&model.current(k).id, entries.clone())
                .await;
            if model.makes_way(k) {
                let (turn, stored) = begun.unwrap();
                assert_eq!(stored.len(), n);
                let life = model.open[h].unwrap();
                let transcript = model.current(k);
                transcript.store(&turn.id, entries);
                transcript.turns.push(Turn {
                    id: turn.id,
                    life,
                    state: TurnState::Running,
                    tokens: 0,
                });
            } else {
                assert!(
                    matches!(begun, Err(StoreError::SessionBusy { .. })),
                    "{begun:?}"
                );
            }
        }
        Call::Append { h, k, back } => {
            let Some(store) = &stores[h] else { return };
            let entries = model.new_entries(1);
            let Some((transcript, expected)) = model.last_turn(h, k, back) else {
                return;
            };
            let id = transcript.turns.last().unwrap().id.clone();
            let result = store.append(&id, entries[..1].to_vec()).await;
            if let Expected::Fine = expected {
                assert_eq!(result.unwrap()[0].body, entries[0].body);
                transcript.store(&id, entries);
            } else {
                check_refused(result, &expected);
            }
        }
        Call::Finish {
            h,
            k,
            back,
            end,
            n,
            tokens,
        } => {
            let Some(store) = &stores[h] else { return };
            let entries = model.new_entries(n);
            let Some((transcript, expected)) = model.last_turn(h, k, back) else {
                return;
            };
            let id = transcript.turns.last().unwrap().id.clone();
            let usage = Usage {
                input_tokens: tokens.into(),
                output_tokens: 1,
            };
            let result = store
                .finish_turn(&id, entries.clone(), end.clone(), usage)
                .await;
            if let Expected::Fine = expected {
                let (finished, _) = result.unwrap();
                transcript.store(&id, entries);
                let turn = transcript.turns.last_mut().unwrap();
                turn.tokens = tokens;
                turn.state = match end {
                    TurnEnd::Done => TurnState::Done,
                    TurnEnd::Failed(_) => TurnState::Failed,
                    TurnEnd::Aborted => TurnState::Aborted,
                };
                assert_eq!(finished.state, turn.state);
            } else {
                check_refused(result, &expected);
            }
        }
        Call::Record { h, k, n } => {
            let Some(store) = &stores[h] else { return };
            let entries = model.new_entries(n);
            let result = store.record(&model.current(k).id, entries.clone()).await;
            if model.makes_way(k) {
                result.unwrap();
                // Its turn's id is known only from the turns.
                let turns = store.turns(&model.current(k).id).await.unwrap();
                let id = turns.last().unwrap().id.clone();
                let life = model.open[h].unwrap();
                let transcript = model.current(k);
                transcript.store(&id, entries);
                transcript.turns.push(Turn {
                    id,
                    life,
                    state: TurnState::Done,
                    tokens: 0,
                });
            } else {
                assert!(
                    matches!(result, Err(StoreError::SessionBusy { .. })),
                    "{result:?}"
                );
            }
        }
        Call::Reset { h, k } => {
            let Some(store) = &stores[h] else { return };
            let session = store
                .reset_session(KEYS[k], SessionPatch::default())
                .await
                .unwrap();
            model.sessions[k].transcripts.push(Transcript {
                id: session.session_id,
                ..Transcript::default()
            });
        }
        Call::Set { h, k, name, value } => {
            let Some(store) = &stores[h] else { return };
            let name = format!("setting{name}");
            let mut patch = SessionPatch::default();
            patch.settings.insert(name.clone(), json!(value));
            store.update_session(KEYS[k], patch).await.unwrap();
            match value {
                Some(value) => model.sessions[k].settings.insert(name, json!(value)),
                None => model.sessions[k].settings.remove(&name),
            };
        }
    }
}

async fn compare(model: &Model, store: &Store) {
    let mut cut = Vec::new();
    for (key, session) in KEYS.iter().zip(&model.sessions) {
        let stored = store.session(key, "main").await.unwrap();
        let current = session.transcripts.last().unwrap();
        assert_eq!(stored.session_id, current.id);
        assert_eq!(stored.settings, session.settings);
        let tokens: u64 = current
            .turns
            .iter()
            .map(|turn| u64::from(turn.tokens))
            .sum();
        assert_eq!(stored.input_tokens, tokens);
        cut.extend(
            current
                .turns
                .last()
                .filter(|turn| turn.state == TurnState::Interrupted)
                .map(|turn| &turn.id),
        );

        for transcript in &session.transcripts {
            let entries = store.transcript(&transcript.id).await.unwrap();
            let mut parent = None;
            for (at, entry) in entries.iter().enumerate() {
                assert_eq!(entry.seq, at as u64 + 1);
                assert_eq!(entry.parent_id, parent);
                parent = Some(entry.id.clone());
            }
            let entries: Vec<_> = entries
                .into_iter()
                .map(|entry| (entry.turn_id, entry.body))
                .collect();
            assert_eq!(entries, transcript.entries);

            let turns = store.turns(&transcript.id).await.unwrap();
            let expected: Vec<_> = transcript
                .turns
                .iter()
                .map(|turn| (turn.id.as_str(), turn.state))
                .collect();
            let stored: Vec<_> = turns
                .iter()
                .map(|turn| (turn.id.as_str(), turn.state))
                .collect();
            assert_eq!(stored, expected);
            assert!(
                turns
                    .iter()
                    .enumerate()
                    .all(|(at, turn)| turn.seq == at as u64 + 1)
            );
        }
    }
    let mut interrupted: Vec<_> = store
        .interrupted()
        .await
        .unwrap()
        .into_iter()
        .map(|turn| turn.id)
        .collect();
    interrupted.sort();
    cut.sort();
    assert!(interrupted.iter().eq(cut), "{interrupted:?}");
}

async fn run(calls: Vec<Call>) {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let mut stores = [None, None];
    apply(Call::Open { h: 0 }, &mut model, &mut stores, dir.path()).await;
    for (key, session) in KEYS.iter().zip(&mut model.sessions) {
        let made = stores[0]
            .as_ref()
            .unwrap()
            .session(key, "main")
            .await
            .unwrap();
        session.transcripts.push(Transcript {
            id: made.session_id,
            ..Transcript::default()
        });
    }
    for call in calls {
        apply(call, &mut model, &mut stores, dir.path()).await;
        if let Some(store) = stores.iter().flatten().next() {
            compare(&model, store).await;
        }
    }
    // What was stored is there for the next process.
    for h in 0..2 {
        apply(Call::Close { h }, &mut model, &mut stores, dir.path()).await;
    }
    apply(Call::Open { h: 1 }, &mut model, &mut stores, dir.path()).await;
    compare(&model, stores[1].as_ref().unwrap()).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_calls_equals_the_model(calls in calls()) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(calls));
    }
}
