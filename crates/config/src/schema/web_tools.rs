//! `tools.web`: searching and reading the web.

section! {
    /// Searching and reading the web.
    pub struct WebTools {
        /// Searching.
        pub search: Option<WebSearch>,
        /// Reading pages.
        pub fetch: Option<WebFetch>,
    }
}

section! {
    /// Searching the web.
    pub struct WebSearch {
        /// Whether agents may. Default: true when there is a key or a SearXNG.
        pub enabled: Option<bool>,
        /// Who searches. Default: brave, else searxng where one is configured.
        pub provider: Option<SearchProvider>,
        /// Key for Brave. Default: `BRAVE_API_KEY`.
        pub api_key: Option<String>,
        /// Most results, 1 to 10. Default: 5.
        #[schemars(range(min = 1, max = 10))]
        pub max_results: Option<u32>,
        /// Longest time for one search, in seconds. Default: 30.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
        /// Minutes that results are kept. Default: 15.
        #[schemars(range(min = 0.0))]
        pub cache_ttl_minutes: Option<f64>,
        /// Searching with Perplexity.
        pub perplexity: Option<Perplexity>,
        /// Searching with a SearXNG of one's own.
        pub searxng: Option<Searxng>,
    }
}

choice! {
    /// Who searches the web.
    pub enum SearchProvider {
        /// Brave Search.
        Brave = "brave",
        /// Perplexity, directly or through OpenRouter.
        Perplexity = "perplexity",
        /// A SearXNG of one's own.
        Searxng = "searxng",
    }
}

section! {
    /// Searching with Perplexity.
    pub struct Perplexity {
        /// Key. Default: `PERPLEXITY_API_KEY`, else `OPENROUTER_API_KEY`.
        pub api_key: Option<String>,
        /// Address of the API. Default: chosen by the key.
        pub base_url: Option<String>,
        /// Model. Default: perplexity/sonar-pro.
        pub model: Option<String>,
    }
}

section! {
    /// Searching with a SearXNG of one's own.
    pub struct Searxng {
        /// Its address, such as `http://127.0.0.1:8888`. Its settings must allow the format json.
        pub base_url: Option<String>,
    }
}

section! {
    /// Reading pages.
    pub struct WebFetch {
        /// Whether agents may. Default: true.
        pub enabled: Option<bool>,
        /// Most characters of a page. Default: 50000.
        #[schemars(range(min = 1))]
        pub max_chars: Option<u64>,
        /// Longest time for one page, in seconds. Default: 30.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
        /// Minutes that a page is kept. Default: 15.
        #[schemars(range(min = 0.0))]
        pub cache_ttl_minutes: Option<f64>,
        /// Most redirections followed. Default: 3.
        pub max_redirects: Option<u32>,
        /// The name that is told to servers.
        pub user_agent: Option<String>,
        /// Keep only the main text of a page. Default: true.
        pub readability: Option<bool>,
        /// Reading pages with Firecrawl when they cannot be read directly.
        pub firecrawl: Option<Firecrawl>,
    }
}

section! {
    /// Reading pages with Firecrawl.
    pub struct Firecrawl {
        /// Whether to use it. Default: true when there is a key.
        pub enabled: Option<bool>,
        /// Key. Default: `FIRECRAWL_API_KEY`.
        pub api_key: Option<String>,
        /// Address of the API. Default: `https://api.firecrawl.dev`.
        pub base_url: Option<String>,
        /// Keep only the main text. Default: true.
        pub only_main_content: Option<bool>,
        /// Oldest copy of a page that is good enough, in milliseconds.
        pub max_age_ms: Option<u64>,
        /// Longest time for one page, in seconds.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
    }
}
