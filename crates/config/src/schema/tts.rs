//! `messages.tts`: speaking answers.

section! {
    /// Speaking answers.
    pub struct Tts {
        /// When answers are spoken. Default: off.
        pub auto: Option<TtsAuto>,
        /// Older form of `auto`: true for always, false for off.
        pub enabled: Option<bool>,
        /// Which messages are spoken. Default: final.
        pub mode: Option<TtsMode>,
        /// Who speaks. Default: the first with a key, else edge.
        pub provider: Option<TtsProvider>,
        /// Model that shortens long answers before they are spoken.
        pub summary_model: Option<String>,
        /// What the model may choose about its voice.
        pub model_overrides: Option<TtsModelOverrides>,
        /// Speaking with ElevenLabs.
        pub elevenlabs: Option<ElevenLabs>,
        /// Speaking with OpenAI.
        pub openai: Option<OpenAiTts>,
        /// Speaking with Microsoft Edge's voices.
        pub edge: Option<EdgeTts>,
        /// File with what people chose by `/tts`. Default: `settings/tts.json` in the state
        /// directory.
        pub prefs_path: Option<String>,
        /// Longest text that is spoken, in characters. Default: 4096.
        #[schemars(range(min = 1))]
        pub max_text_length: Option<u64>,
        /// Longest time for one answer, in milliseconds. Default: 30000.
        #[schemars(range(min = 1000, max = 120_000))]
        pub timeout_ms: Option<u64>,
    }
}

choice! {
    /// When answers are spoken.
    pub enum TtsAuto {
        /// Never.
        Off = "off",
        /// Always.
        Always = "always",
        /// When the question was spoken.
        Inbound = "inbound",
        /// When the model asks for it.
        Tagged = "tagged",
    }
}

choice! {
    /// Which messages are spoken.
    pub enum TtsMode {
        /// The final answer.
        Final = "final",
        /// Every message.
        All = "all",
    }
}

choice! {
    /// Who speaks.
    pub enum TtsProvider {
        /// ElevenLabs.
        Elevenlabs = "elevenlabs",
        /// OpenAI.
        Openai = "openai",
        /// Microsoft Edge's voices.
        Edge = "edge",
    }
}

section! {
    /// What the model may choose about its voice.
    pub struct TtsModelOverrides {
        /// Whether it may choose at all. Default: true.
        pub enabled: Option<bool>,
        /// The spoken text.
        pub allow_text: Option<bool>,
        /// Who speaks.
        pub allow_provider: Option<bool>,
        /// The voice.
        pub allow_voice: Option<bool>,
        /// The speech model.
        pub allow_model_id: Option<bool>,
        /// The voice's settings.
        pub allow_voice_settings: Option<bool>,
        /// How numbers and the like are read.
        pub allow_normalization: Option<bool>,
        /// The seed.
        pub allow_seed: Option<bool>,
    }
}

section! {
    /// Speaking with ElevenLabs.
    pub struct ElevenLabs {
        /// Key. Default: `ELEVENLABS_API_KEY`.
        pub api_key: Option<String>,
        /// Address of the API. Default: `https://api.elevenlabs.io`.
        pub base_url: Option<String>,
        /// Voice.
        pub voice_id: Option<String>,
        /// Speech model. Default: eleven_multilingual_v2.
        pub model_id: Option<String>,
        /// Number that makes the same text sound the same.
        pub seed: Option<u32>,
        /// How numbers and the like are read.
        pub apply_text_normalization: Option<TextNormalization>,
        /// Language, such as `de`.
        pub language_code: Option<String>,
        /// How the voice sounds.
        pub voice_settings: Option<VoiceSettings>,
    }
}

choice! {
    /// Whether numbers and the like are written out before they are spoken.
    pub enum TextNormalization {
        /// Where it helps.
        Auto = "auto",
        /// Always.
        On = "on",
        /// Never.
        Off = "off",
    }
}

section! {
    /// How a voice sounds.
    pub struct VoiceSettings {
        /// Evenness, 0 to 1.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub stability: Option<f64>,
        /// Nearness to the original voice, 0 to 1.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub similarity_boost: Option<f64>,
        /// Expression, 0 to 1.
        #[schemars(range(min = 0.0, max = 1.0))]
        pub style: Option<f64>,
        /// Make it more like the speaker.
        pub use_speaker_boost: Option<bool>,
        /// Speed, 0.5 to 2.
        #[schemars(range(min = 0.5, max = 2.0))]
        pub speed: Option<f64>,
    }
}

section! {
    /// Speaking with OpenAI.
    pub struct OpenAiTts {
        /// Key. Default: `OPENAI_API_KEY`.
        pub api_key: Option<String>,
        /// Speech model. Default: gpt-4o-mini-tts.
        pub model: Option<String>,
        /// Voice. Default: alloy.
        pub voice: Option<String>,
    }
}

section! {
    /// Speaking with Microsoft Edge's voices.
    pub struct EdgeTts {
        /// Whether they may be used. Default: true.
        pub enabled: Option<bool>,
        /// Voice. Default: en-US-MichelleNeural.
        pub voice: Option<String>,
        /// Language. Default: en-US.
        pub lang: Option<String>,
        /// Sound format. Default: audio-24khz-48kbitrate-mono-mp3.
        pub output_format: Option<String>,
        /// Pitch, such as `+10%`.
        pub pitch: Option<String>,
        /// Speed, such as `-5%`.
        pub rate: Option<String>,
        /// Loudness, such as `+20%`.
        pub volume: Option<String>,
        /// Keep the text with its times. Default: false.
        pub save_subtitles: Option<bool>,
        /// Proxy to go through.
        pub proxy: Option<String>,
        /// Longest time for one answer, in milliseconds.
        #[schemars(range(min = 1000, max = 120_000))]
        pub timeout_ms: Option<u64>,
    }
}
