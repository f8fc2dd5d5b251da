//! How well-known model servers are started, by the provider's name or by the port they usually listen on.

use moltbot_llm::Model;

/// A server program.
struct Program {
    /// Provider ids that people give it.
    ids: &'static [&'static str],
    name: &'static str,
    port: u16,
    /// The command that starts it at its usual port.
    start: &'static str,
    /// The same at another port.
    start_at: &'static str,
    /// The command that gets a model ready, where there is one beside the start.
    load: Option<&'static str>,
}

/// `{model}` and `{port}` stand for the model's id and the port.
const PROGRAMS: &[Program] = &[
    Program {
        ids: &["lmstudio", "lm-studio"],
        name: "LM Studio",
        port: 1234,
        start: "lms server start",
        start_at: "lms server start --port {port}",
        load: Some("lms get {model}"),
    },
    Program {
        ids: &["ollama"],
        name: "Ollama",
        port: 11434,
        start: "ollama serve",
        start_at: "OLLAMA_HOST=127.0.0.1:{port} ollama serve",
        load: Some("ollama pull {model}"),
    },
    Program {
        ids: &["vllm"],
        name: "vLLM",
        port: 8000,
        start: "vllm serve {model}",
        start_at: "vllm serve {model} --port {port}",
        load: None,
    },
    Program {
        ids: &["llamacpp", "llama-cpp", "llama.cpp", "llama-server"],
        name: "llama.cpp",
        port: 8080,
        start: "llama-server --jinja -m {model}.gguf",
        start_at: "llama-server --jinja -m {model}.gguf --port {port}",
        load: None,
    },
    Program {
        ids: &["litellm"],
        name: "LiteLLM",
        port: 4000,
        start: "litellm --config config.yaml",
        start_at: "litellm --config config.yaml --port {port}",
        load: None,
    },
    Program {
        ids: &["sglang"],
        name: "SGLang",
        port: 30000,
        start: "python3 -m sglang.launch_server --model-path {model}",
        start_at: "python3 -m sglang.launch_server --model-path {model} --port {port}",
        load: None,
    },
];

/// The name of the program that serves a model, and the command that starts it.
pub(super) fn starting(model: &Model) -> Option<(&'static str, String)> {
    let program = program(model)?;
    let port = port(&model.base_url);
    let template = match port {
        Some(port) if port != program.port => program.start_at,
        _ => program.start,
    };
    Some((program.name, filled(template, model)))
}

/// What gets a model ready on its server.
pub(super) fn loading(model: &Model) -> String {
    let id = &model.reference.model;
    match program(model).and_then(|program| program.load) {
        Some(template) => format!("get it there: {}", filled(template, model)),
        None => format!("load {id} there"),
    }
}

/// The name decides; the port only where the name says nothing.
fn program(model: &Model) -> Option<&'static Program> {
    if !model.is_local() {
        return None;
    }
    let id = model.reference.provider.as_str();
    let port = port(&model.base_url);
    PROGRAMS
        .iter()
        .find(|program| program.ids.contains(&id))
        .or_else(|| PROGRAMS.iter().find(|program| Some(program.port) == port))
}

fn filled(template: &str, model: &Model) -> String {
    let port = port(&model.base_url)
        .map(|port| port.to_string())
        .unwrap_or_default();
    template
        .replace("{port}", &port)
        .replace("{model}", &model.reference.model)
}

/// Whether an address leads to this very machine.
pub(super) fn is_this_machine(base_url: &str) -> bool {
    let authority = authority(base_url);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    match host.parse::<std::net::IpAddr>() {
        Ok(ip) => ip.is_loopback() || ip.is_unspecified(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

fn port(base_url: &str) -> Option<u16> {
    authority(base_url).rsplit(':').next()?.parse().ok()
}

/// `host:port` of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use moltbot_config::Config;
    use moltbot_llm::{Catalog, ModelRef};

    use super::*;

    fn model(provider: &str, base_url: &str) -> Model {
        let config: Config = serde_json::from_value(serde_json::json!({"models": {"providers": {
            provider: {"baseUrl": base_url, "models": [{"id": "m", "name": "m"}]}
        }}}))
        .unwrap();
        Catalog::new(&config, &[])
            .model(&ModelRef::new(provider, "m"))
            .unwrap()
    }

    #[test]
    fn the_command_is_that_of_the_program() {
        let start =
            |provider, base_url| starting(&model(provider, base_url)).map(|(_, command)| command);
        let command = |text: &str| Some(text.to_owned());
        assert_eq!(
            start("lmstudio", "http://127.0.0.1:1234/v1"),
            command("lms server start")
        );
        assert_eq!(
            start("box", "http://localhost:8000/v1"),
            command("vllm serve m")
        );
        assert_eq!(
            start("vllm", "http://[::1]:9/v1"),
            command("vllm serve m --port 9")
        );
        assert_eq!(
            start("ollama", "http://127.0.0.1:11500/v1"),
            command("OLLAMA_HOST=127.0.0.1:11500 ollama serve")
        );
        assert_eq!(start("box", "http://127.0.0.1:4321/v1"), None);
        assert_eq!(start("box", "https://example.com:8000/v1"), None);
    }

    #[test]
    fn this_machine_is_known_by_its_address() {
        for here in [
            "http://localhost/v1",
            "http://127.0.0.1:1",
            "http://[::1]:2/v1",
            "http://u:p@localhost:3",
        ] {
            assert!(is_this_machine(here), "{here}");
        }
        for elsewhere in [
            "http://192.168.1.4:1234/v1",
            "http://box.local/v1",
            "",
            "localhost.example.com",
        ] {
            assert!(!is_this_machine(elsewhere), "{elsewhere}");
        }
    }
}
