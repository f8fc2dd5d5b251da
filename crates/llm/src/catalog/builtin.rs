//! The built-in catalog: providers that need no configuration beyond a key, and local servers at their usual address.
//!
//! Prices and limits are the vendors' published ones as of 2026-01; the owner's config wins over all of it.

use std::collections::BTreeMap;

use moltbot_config::schema::Compat;

use super::provider::{CatalogModel, Provider};
use super::{Api, Cost, Source};

struct Entry {
    id: &'static str,
    env: &'static [&'static str],
    base_url: &'static str,
    api: Api,
    models: &'static [Row],
}

/// Id, name, reasoning, vision, context window, output limit, and the prices for input, output, cache read and write.
type Row = (&'static str, &'static str, bool, bool, u64, u64, [f64; 4]);

const FREE: [f64; 4] = [0.0; 4];

const PROVIDERS: &[Entry] = &[
    Entry {
        id: "anthropic",
        env: &["ANTHROPIC_OAUTH_TOKEN", "ANTHROPIC_API_KEY"],
        base_url: "https://api.anthropic.com",
        api: Api::AnthropicMessages,
        models: &[
            (
                "claude-opus-4-5",
                "Claude Opus 4.5",
                true,
                true,
                200_000,
                64_000,
                [5.0, 25.0, 0.5, 6.25],
            ),
            (
                "claude-sonnet-4-5",
                "Claude Sonnet 4.5",
                true,
                true,
                200_000,
                64_000,
                [3.0, 15.0, 0.3, 3.75],
            ),
            (
                "claude-haiku-4-5",
                "Claude Haiku 4.5",
                true,
                true,
                200_000,
                64_000,
                [1.0, 5.0, 0.1, 1.25],
            ),
        ],
    },
    Entry {
        id: "openai",
        env: &["OPENAI_API_KEY"],
        base_url: "https://api.openai.com/v1",
        api: Api::OpenAiResponses,
        models: &[
            (
                "gpt-5.2",
                "GPT-5.2",
                true,
                true,
                400_000,
                128_000,
                [1.75, 14.0, 0.175, 0.0],
            ),
            (
                "gpt-5-mini",
                "GPT-5 mini",
                true,
                true,
                400_000,
                128_000,
                [0.25, 2.0, 0.025, 0.0],
            ),
        ],
    },
    Entry {
        id: "openrouter",
        env: &["OPENROUTER_API_KEY"],
        base_url: "https://openrouter.ai/api/v1",
        api: Api::OpenAiCompletions,
        models: &[
            ("auto", "OpenRouter Auto", false, true, 200_000, 8192, FREE),
            (
                "anthropic/claude-sonnet-4-5",
                "Claude Sonnet 4.5",
                true,
                true,
                200_000,
                64_000,
                [3.0, 15.0, 0.3, 3.75],
            ),
            (
                "minimax/minimax-m2.1",
                "MiniMax M2.1",
                true,
                false,
                196_608,
                65_536,
                FREE,
            ),
            (
                "moonshotai/kimi-k2",
                "Kimi K2",
                false,
                false,
                131_072,
                32_768,
                FREE,
            ),
            (
                "z-ai/glm-4.7",
                "GLM 4.7",
                true,
                false,
                200_000,
                65_536,
                FREE,
            ),
        ],
    },
    Entry {
        id: "google",
        env: &["GEMINI_API_KEY"],
        base_url: "https://generativelanguage.googleapis.com/v1beta",
        api: Api::GoogleGenerativeAi,
        models: &[
            (
                "gemini-3-pro-preview",
                "Gemini 3 Pro",
                true,
                true,
                1_048_576,
                65_536,
                [2.0, 12.0, 0.2, 0.0],
            ),
            (
                "gemini-3-flash-preview",
                "Gemini 3 Flash",
                true,
                true,
                1_048_576,
                65_536,
                [0.5, 3.0, 0.05, 0.0],
            ),
        ],
    },
    Entry {
        id: "groq",
        env: &["GROQ_API_KEY"],
        base_url: "https://api.groq.com/openai/v1",
        api: Api::OpenAiCompletions,
        models: &[
            (
                "llama-3.3-70b-versatile",
                "Llama 3.3 70B",
                false,
                false,
                131_072,
                32_768,
                [0.59, 0.79, 0.0, 0.0],
            ),
            (
                "openai/gpt-oss-120b",
                "gpt-oss 120B",
                true,
                false,
                131_072,
                65_536,
                [0.15, 0.6, 0.0, 0.0],
            ),
        ],
    },
    Entry {
        id: "cerebras",
        env: &["CEREBRAS_API_KEY"],
        base_url: "https://api.cerebras.ai/v1",
        api: Api::OpenAiCompletions,
        models: &[(
            "zai-glm-4.7",
            "GLM 4.7",
            false,
            false,
            131_072,
            40_960,
            FREE,
        )],
    },
    Entry {
        id: "xai",
        env: &["XAI_API_KEY"],
        base_url: "https://api.x.ai/v1",
        api: Api::OpenAiCompletions,
        models: &[(
            "grok-4",
            "Grok 4",
            false,
            true,
            256_000,
            64_000,
            [3.0, 15.0, 0.75, 0.0],
        )],
    },
    Entry {
        id: "mistral",
        env: &["MISTRAL_API_KEY"],
        base_url: "https://api.mistral.ai/v1",
        api: Api::OpenAiCompletions,
        models: &[(
            "mistral-large-latest",
            "Mistral Large",
            false,
            true,
            262_144,
            32_768,
            FREE,
        )],
    },
    Entry {
        id: "zai",
        env: &["ZAI_API_KEY", "Z_AI_API_KEY"],
        base_url: "https://api.z.ai/api/coding/paas/v4",
        api: Api::OpenAiCompletions,
        models: &[("glm-4.7", "GLM 4.7", true, false, 200_000, 131_072, FREE)],
    },
    Entry {
        id: "moonshot",
        env: &["MOONSHOT_API_KEY"],
        base_url: "https://api.moonshot.ai/v1",
        api: Api::OpenAiCompletions,
        models: &[("kimi-k2.5", "Kimi K2.5", false, true, 256_000, 8192, FREE)],
    },
    Entry {
        id: "minimax",
        env: &["MINIMAX_API_KEY"],
        base_url: "https://api.minimax.io/anthropic",
        api: Api::AnthropicMessages,
        models: &[(
            "MiniMax-M2.1",
            "MiniMax M2.1",
            false,
            false,
            200_000,
            8192,
            [15.0, 60.0, 2.0, 10.0],
        )],
    },
    Entry {
        id: "ollama",
        env: &["OLLAMA_API_KEY"],
        base_url: "http://127.0.0.1:11434/v1",
        api: Api::OpenAiCompletions,
        models: &[],
    },
    Entry {
        id: "lmstudio",
        env: &["LMSTUDIO_API_KEY"],
        base_url: "http://127.0.0.1:1234/v1",
        api: Api::OpenAiResponses,
        models: &[],
    },
    Entry {
        id: "vllm",
        env: &["VLLM_API_KEY"],
        base_url: "http://127.0.0.1:8000/v1",
        api: Api::OpenAiCompletions,
        models: &[],
    },
    Entry {
        id: "litellm",
        env: &["LITELLM_API_KEY"],
        base_url: "http://127.0.0.1:4000/v1",
        api: Api::OpenAiCompletions,
        models: &[],
    },
];

/// The environment variables that may hold a provider's key, first choice first.
pub(crate) fn env_names(provider: &str) -> &'static [&'static str] {
    PROVIDERS
        .iter()
        .find(|entry| entry.id == provider)
        .map_or(&[], |entry| entry.env)
}

/// The table as providers of the catalog.
pub(super) fn providers() -> BTreeMap<String, Provider> {
    PROVIDERS
        .iter()
        .map(|entry| {
            let provider = Provider {
                base_url: entry.base_url.to_owned(),
                base_urls: Vec::new(),
                slots: None,
                api: Ok(entry.api),
                headers: BTreeMap::new(),
                auth_header: false,
                timeout: None,
                region: None,
                routing: None,
                keep_alive: None,
                models: entry
                    .models
                    .iter()
                    .map(|row| model(entry.id, row))
                    .collect(),
                configured: false,
            };
            (entry.id.to_owned(), provider)
        })
        .collect()
}

fn model(provider: &str, row: &Row) -> CatalogModel {
    let (id, name, reasoning, vision, context_window, max_tokens, [input, output, read, write]) =
        *row;
    // These take no `reasoning_effort`; what they reason comes by itself.
    let no_effort = matches!(provider, "xai" | "zai" | "cerebras");
    CatalogModel {
        id: id.to_owned(),
        name: name.to_owned(),
        api: None,
        reasoning,
        vision,
        vision_source: Source::Catalog,
        context_window,
        context_known: true,
        context_source: Source::Catalog,
        max_tokens,
        region: None,
        cost: Cost {
            input,
            output,
            cache_read: read,
            cache_write: write,
        },
        headers: BTreeMap::new(),
        compat: Compat {
            supports_reasoning_effort: no_effort.then_some(false),
            ..Compat::default()
        },
    }
}
