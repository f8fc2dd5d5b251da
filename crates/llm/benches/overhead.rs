//! What asking a model costs this program, beside the model: CPU time of a request through the ladder, the queue, the
//! repairs and the decoder, and of a bare POST of the same bytes that only drains the reply.
//!
//! `cargo bench -p moltbot-llm --bench overhead` (Unix: the CPU time of a thread is read). The server runs in a process of
//! its own and streams 64 words without delay, each in a chunk; the client runs on one thread, so that the thread's time
//! is the request's. Both kinds of request take turns, so that what else the machine does hits both alike.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[cfg(not(unix))]
fn main() {
    println!("The CPU time of a thread is read on Unix only.");
}

#[cfg(unix)]
fn main() {
    // `cargo test` runs benches too, without this flag: there is nothing to measure then.
    if std::env::var_os(unix::SERVER).is_some() {
        unix::serve();
    } else if std::env::args().any(|arg| arg == "--bench") {
        unix::measure();
    }
}

#[cfg(unix)]
mod unix {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;

    use moltbot_llm::{
        AssistantMessage, AssistantPart, Backends, Catalog, Credentials, Knowledge, Ladder,
        Message, Model, Origin, Request, StopReason, ToolSpec, Usage, encode, over_http,
    };
    use moltbot_testkit::{Part, Script, ScriptedServer, When, block_on, openai_chat};
    use rustix::time::{ClockId, clock_gettime};
    use serde_json::json;
    use tokio::runtime::Runtime;

    /// Set in the process that plays the server.
    pub(super) const SERVER: &str = "MOLTBOT_OVERHEAD_SERVER";

    const WARM_UP: usize = 200;
    const REQUESTS: usize = 2000;
    const CHUNKS: usize = 64;

    /// Plays the server until standard input is closed; its address goes to standard output.
    pub(super) fn serve() {
        let words = vec!["word"; CHUNKS].join(" ");
        let answer = openai_chat(&[Part::Text(&words)]).stream();
        let script = Script::new().on(When::post("/v1/chat/completions"), answer);
        let server = block_on(ScriptedServer::start(script));
        println!("{}", server.base_url());
        std::io::stdout().flush().unwrap();
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        println!("{}", server.connections().accepted);
    }

    /// The server's process.
    struct Server {
        child: Child,
        out: BufReader<std::process::ChildStdout>,
        base_url: String,
    }

    impl Server {
        fn start() -> Self {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .env(SERVER, "1")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut out = BufReader::new(child.stdout.take().unwrap());
            let base_url = line(&mut out);
            Self {
                child,
                out,
                base_url,
            }
        }

        /// Stops it and gives the number of connections that it accepted.
        fn stop(mut self) -> String {
            drop(self.child.stdin.take());
            let accepted = line(&mut self.out);
            self.child.wait().unwrap();
            accepted
        }
    }

    fn line(out: &mut impl BufRead) -> String {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    pub(super) fn measure() {
        let server = Server::start();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (model, request) = (model(&server.base_url), request());
        let body = encode(&model, &request);
        let size = body.len();
        let bare = bare(&server.base_url, body);
        let knowledge = Arc::new(Knowledge::default());
        let http = over_http(Arc::new(Credentials::default()), Arc::clone(&knowledge));
        let ladder = Ladder::new(Backends::new(http, None, knowledge), vec![model]);
        let (mut full_times, mut bare_times) = (Vec::new(), Vec::new());
        for round in 0..WARM_UP + REQUESTS {
            let full_time = cpu_time(&runtime, async {
                let mut events = 0;
                let answer = ladder.run(&request, &mut |_| events += 1).await.unwrap();
                assert!(events > CHUNKS && !answer.reply.message.text().is_empty());
            });
            let bare_time = cpu_time(&runtime, async {
                let mut response = bare.try_clone().unwrap().send().await.unwrap();
                while let Some(bytes) = response.chunk().await.unwrap() {
                    std::hint::black_box(bytes);
                }
            });
            if round >= WARM_UP {
                full_times.push(full_time);
                bare_times.push(bare_time);
            }
        }
        println!(
            "{REQUESTS} requests of {size} bytes, {CHUNKS} chunks each; {} connections",
            server.stop()
        );
        let (full, bare) = (Figures::of(full_times), Figures::of(bare_times));
        println!("{:28} {:>8} {:>8}", "CPU µs a request", "p50", "p99");
        for (name, figures) in [
            ("through the ladder", &full),
            ("bare POST, bytes drained", &bare),
        ] {
            println!("{name:28} {:8.1} {:8.1}", figures.p50, figures.p99);
        }
        println!(
            "{:28} {:8.1} {:8.1}   (goal: p99 under 150)",
            "difference: the overhead",
            full.p50 - bare.p50,
            full.p99 - bare.p99
        );
    }

    /// Microseconds.
    struct Figures {
        p50: f64,
        p99: f64,
    }

    impl Figures {
        fn of(mut times: Vec<f64>) -> Self {
            times.sort_by(f64::total_cmp);
            let at = |share: usize| times[times.len() * share / 100];
            Self {
                p50: at(50),
                p99: at(99),
            }
        }
    }

    /// CPU microseconds of this thread while it runs a future.
    fn cpu_time(runtime: &Runtime, work: impl Future<Output = ()>) -> f64 {
        let now = || {
            let time = clock_gettime(ClockId::ThreadCPUTime);
            // Microseconds of CPU time are far below 2^53.
            time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
        };
        let before = now();
        runtime.block_on(work);
        now() - before
    }

    fn bare(base_url: &str, body: Vec<u8>) -> reqwest::RequestBuilder {
        // Fails only where one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .tcp_nodelay(true)
            .build()
            .unwrap();
        client
            .post(format!("{base_url}/chat/completions"))
            .header("content-type", "application/json")
            .body(body)
    }

    fn model(base_url: &str) -> Model {
        let config = serde_json::from_value(json!({"models": {"providers": {"box": {
            "baseUrl": base_url, "models": [{"id": "m", "name": "M"}]
        }}}}));
        let catalog = Catalog::new(&config.unwrap(), &[]);
        catalog.resolve("box/m").unwrap()
    }

    /// A conversation of some turns, with a few tools.
    fn request() -> Request {
        let messages = (0..10).map(|n| match n % 2 {
            0 => Message::user("What is the weather like in the mountains this weekend?", n),
            _ => Message::Assistant(AssistantMessage {
                content: vec![AssistantPart::Text {
                    text: "Mostly dry, with some clouds towards the evening. ".repeat(6),
                }],
                api: "openai-completions".to_owned(),
                provider: "box".to_owned(),
                model: "m".to_owned(),
                usage: Usage::default(),
                stop_reason: StopReason::Stop,
                error_message: None,
                timestamp: n,
            }),
        });
        let tools = ["weather", "search", "read", "write"].map(|name| ToolSpec {
            name: name.to_owned(),
            description: "Does what its name says, and says what came of it.".to_owned(),
            parameters: json!({"type": "object", "required": ["what"], "properties": {
                "what": {"type": "string", "description": "What it is about."},
                "count": {"type": "integer", "minimum": 1, "maximum": 10}
            }}),
        });
        Request {
            system: "You are a helpful assistant. ".repeat(40),
            messages: messages
                .chain([Message::user("And in the valley?", 10)])
                .collect(),
            tools: tools.to_vec(),
            origin: Origin {
                session: Some("main".to_owned()),
                ..Origin::default()
            },
            ..Request::default()
        }
    }
}
