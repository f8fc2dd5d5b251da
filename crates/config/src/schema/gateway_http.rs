//! `gateway.http`: interfaces of the gateway for other programs.

section! {
    /// Interfaces of the gateway for other programs.
    pub struct GatewayHttp {
        /// The single interfaces.
        pub endpoints: Option<HttpEndpoints>,
    }
}

section! {
    /// The single interfaces.
    pub struct HttpEndpoints {
        /// `/v1/chat/completions`, as OpenAI has it.
        pub chat_completions: Option<ChatCompletionsEndpoint>,
        /// `/v1/responses`, as OpenAI has it.
        pub responses: Option<ResponsesEndpoint>,
    }
}

section! {
    /// `/v1/chat/completions`.
    pub struct ChatCompletionsEndpoint {
        /// Whether it answers. Default: false.
        pub enabled: Option<bool>,
    }
}

section! {
    /// `/v1/responses`.
    pub struct ResponsesEndpoint {
        /// Whether it answers. Default: false.
        pub enabled: Option<bool>,
        /// Largest request, in bytes. Default: 20 MB.
        #[schemars(range(min = 1))]
        pub max_body_bytes: Option<u64>,
        /// Files in requests.
        pub files: Option<InputFiles>,
        /// Pictures in requests.
        pub images: Option<InputImages>,
    }
}

section! {
    /// Files in requests.
    pub struct InputFiles {
        /// Fetch files given by address. Default: true.
        pub allow_url: Option<bool>,
        /// Media types that are taken.
        pub allowed_mimes: Option<Vec<String>>,
        /// Largest file, in bytes. Default: 5 MB.
        #[schemars(range(min = 1))]
        pub max_bytes: Option<u64>,
        /// Most characters of text. Default: 200000.
        #[schemars(range(min = 1))]
        pub max_chars: Option<u64>,
        /// Most redirections followed. Default: 3.
        pub max_redirects: Option<u32>,
        /// Longest time for one file, in milliseconds. Default: 10000.
        #[schemars(range(min = 1))]
        pub timeout_ms: Option<u64>,
        /// PDF files.
        pub pdf: Option<InputPdf>,
    }
}

section! {
    /// PDF files in requests.
    pub struct InputPdf {
        /// Most pages. Default: 4.
        #[schemars(range(min = 1))]
        pub max_pages: Option<u32>,
        /// Most pixels of a page's picture. Default: 4000000.
        #[schemars(range(min = 1))]
        pub max_pixels: Option<u64>,
        /// Least characters of text; with fewer, pages are shown as pictures. Default: 200.
        pub min_text_chars: Option<u64>,
    }
}

section! {
    /// Pictures in requests.
    pub struct InputImages {
        /// Fetch pictures given by address. Default: true.
        pub allow_url: Option<bool>,
        /// Media types that are taken.
        pub allowed_mimes: Option<Vec<String>>,
        /// Largest picture, in bytes. Default: 10 MB.
        #[schemars(range(min = 1))]
        pub max_bytes: Option<u64>,
        /// Most redirections followed. Default: 3.
        pub max_redirects: Option<u32>,
        /// Longest time for one picture, in milliseconds. Default: 10000.
        #[schemars(range(min = 1))]
        pub timeout_ms: Option<u64>,
    }
}
