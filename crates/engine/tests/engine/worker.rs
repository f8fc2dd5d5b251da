//! The worker as a real child process, spoken to line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use moltbot_engine::protocol::{
    ErrorKind, FromWorker, Generate, GenerateOptions, Load, Stop, ToWorker, WorkerError,
};
use moltbot_engine::template::Conversation;
use moltbot_llm::ToolChoice;

use crate::{THREADS, conversation, model_path, user};

/// The arguments with which this test program becomes a worker.
pub(crate) const WORKER_ARGS: [&str; 4] =
    ["worker::worker_process", "--exact", "--ignored", "--quiet"];

/// Not a test: the other side of the tests that start this program again.
#[test]
#[ignore = "this is the worker process that other tests start"]
fn worker_process() {
    moltbot_engine::worker::run(BufReader::new(std::io::stdin()), std::io::stdout());
}

struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Worker {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(WORKER_ARGS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn line(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    fn send(&mut self, request: &ToWorker) {
        self.line(&serde_json::to_string(request).unwrap());
    }

    fn load(&mut self, path: &Path) {
        self.send(&ToWorker::Load(Load {
            path: path.to_owned(),
            context: 1024,
            threads: Some(THREADS),
        }));
    }

    fn generate(&mut self, id: u64, conversation: Conversation, max_tokens: u64) {
        self.send(&ToWorker::Generate(Box::new(Generate {
            id,
            conversation,
            tool_choice: ToolChoice::Auto,
            options: GenerateOptions {
                temperature: Some(0.0),
                max_tokens: Some(max_tokens),
                seed: None,
            },
        })));
    }

    /// The next report. The lines of the test harness are none.
    fn report(&mut self) -> FromWorker {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.output.read_line(&mut line).unwrap(),
                0,
                "the worker ended"
            );
            if line.starts_with('{') {
                return serde_json::from_str(&line).unwrap();
            }
        }
    }

    /// Reports up to the first that `last` accepts, which is the last returned.
    fn until(&mut self, last: impl Fn(&FromWorker) -> bool) -> Vec<FromWorker> {
        let mut reports = Vec::new();
        loop {
            let report = self.report();
            let found = last(&report);
            reports.push(report);
            if found {
                return reports;
            }
        }
    }

    fn loaded(&mut self) {
        self.load(&model_path());
        self.until(|report| matches!(report, FromWorker::Loaded(_)));
    }

    fn error(&mut self) -> WorkerError {
        match self.report() {
            FromWorker::Error(error) => error,
            other => panic!("{other:?}"),
        }
    }

    /// Closes the input and waits for the end.
    fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }
}

fn is_end(report: &FromWorker) -> bool {
    matches!(report, FromWorker::Done { .. } | FromWorker::Error(_))
}

#[test]
fn a_worker_loads_answers_and_ends_with_its_input() {
    let mut worker = Worker::start();
    worker.load(&model_path());
    let reports = worker.until(|report| matches!(report, FromWorker::Loaded(_)));
    assert!(
        reports.contains(&FromWorker::Loading { fraction: 1.0 }),
        "{reports:?}"
    );
    let Some(FromWorker::Loaded(info)) = reports.last() else {
        panic!("{reports:?}");
    };
    assert_eq!((info.context, info.trained_context), (1024, 8192));
    assert_eq!(info.architecture.as_deref(), Some("llama"));
    assert!(!info.takes_tools);

    worker.generate(1, conversation(vec![user("Say hello.")]), 6);
    let reports = worker.until(is_end);
    let total = match reports.first() {
        Some(FromWorker::Prefill {
            id: 1,
            processed: 0,
            total,
        }) => *total,
        other => panic!("{other:?}"),
    };
    let text: String = reports
        .iter()
        .filter_map(|report| match report {
            FromWorker::Text { id: 1, text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert!(text.starts_with("Hello"), "{text}");
    let Some(FromWorker::Done {
        id: 1,
        counts,
        stop,
    }) = reports.last()
    else {
        panic!("{reports:?}");
    };
    assert_eq!(*stop, Stop::Length);
    assert_eq!((counts.reused, counts.prefilled), (0, total));
    assert_eq!(counts.generated, 6);
    worker.end();
}

#[test]
fn a_worker_is_cancelled_while_it_writes_and_answers_again() {
    let mut worker = Worker::start();
    worker.loaded();
    let story = conversation(vec![user("Tell me a long story about the sea.")]);
    worker.generate(1, story.clone(), 900);
    worker.until(|report| matches!(report, FromWorker::Text { .. }));
    worker.send(&ToWorker::Cancel { id: 1 });
    let reports = worker.until(is_end);
    match reports.last() {
        Some(FromWorker::Done {
            id: 1,
            counts,
            stop: Stop::Cancelled,
        }) => assert!(counts.generated < 900),
        other => panic!("{other:?}"),
    }

    worker.generate(2, story, 3);
    let reports = worker.until(is_end);
    match reports.last() {
        Some(FromWorker::Done {
            id: 2,
            counts,
            stop: Stop::Length,
        }) => assert_eq!((counts.prefilled, counts.generated), (1, 3)),
        other => panic!("{other:?}"),
    }
    worker.end();
}

#[test]
fn a_worker_stops_writing_when_its_input_ends() {
    let mut worker = Worker::start();
    worker.loaded();
    let story = conversation(vec![user("Tell me a long story about the sea.")]);
    worker.generate(1, story, 900);
    worker.until(|report| matches!(report, FromWorker::Text { .. }));
    drop(worker.input.take());
    let reports = worker.until(is_end);
    assert!(
        matches!(
            reports.last(),
            Some(FromWorker::Done {
                stop: Stop::Cancelled,
                ..
            })
        ),
        "{reports:?}"
    );
    worker.end();
}

#[test]
fn a_worker_survives_what_it_cannot_do() {
    let mut worker = Worker::start();
    worker.line("not JSON");
    assert_eq!(worker.error().kind, ErrorKind::BadRequest);

    worker.generate(1, conversation(vec![user("Hi")]), 1);
    let error = worker.error();
    assert_eq!((error.id, error.kind), (Some(1), ErrorKind::BadRequest));

    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken.gguf");
    std::fs::write(&broken, b"GGUF\x03\0\0\0").unwrap();
    worker.load(&broken);
    let error = worker.error();
    assert_eq!((error.id, error.kind), (None, ErrorKind::Load));
    assert!(
        error.message.contains("is not a complete GGUF file"),
        "{}",
        error.message
    );

    worker.loaded();
    worker.generate(2, conversation(vec![user(&"word ".repeat(2000))]), 1);
    let error = worker.error();
    assert_eq!(
        (error.id, error.kind),
        (Some(2), ErrorKind::ContextOverflow)
    );
    assert_eq!(error.context, Some(1024));
    assert!(error.prompt_tokens > Some(2000));

    worker.generate(3, conversation(vec![user("Hi")]), 1);
    assert!(matches!(
        worker.until(is_end).last(),
        Some(FromWorker::Done { id: 3, .. })
    ));
    worker.end();
}
