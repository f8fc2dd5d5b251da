//! `tools.media`, `tools.links`, `media` and `audio`: understanding what people send.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scope::SendPolicy;

section! {
    /// Understanding pictures, sound and video that people send.
    pub struct MediaTools {
        /// Models for all three, tried after those of each.
        pub models: Option<Vec<MediaModel>>,
        /// Files worked on at the same time. Default: 2.
        #[schemars(range(min = 1))]
        pub concurrency: Option<u32>,
        /// Pictures: at most 10 MB, 500 characters and 60 seconds unless set.
        pub image: Option<MediaUnderstanding>,
        /// Sound: at most 20 MB and 60 seconds unless set.
        pub audio: Option<MediaUnderstanding>,
        /// Video: at most 50 MB, 500 characters and 120 seconds unless set.
        pub video: Option<MediaUnderstanding>,
    }
}

/// Parameters of media services: by service, then by name.
pub type MediaProviderOptions = BTreeMap<String, BTreeMap<String, MediaOption>>;

/// One parameter of a media service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected true, false, a number or text")]
#[schemars(inline)]
pub enum MediaOption {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
}

section! {
    /// How one kind of media is understood.
    pub struct MediaUnderstanding {
        /// Whether it is. Default: true when there are models for it.
        pub enabled: Option<bool>,
        /// The conversations in which it is.
        pub scope: Option<SendPolicy>,
        /// Largest file, in bytes.
        #[schemars(range(min = 1))]
        pub max_bytes: Option<u64>,
        /// Longest description, in characters.
        #[schemars(range(min = 1))]
        pub max_chars: Option<u64>,
        /// What the model is asked.
        pub prompt: Option<String>,
        /// Longest time for one file, in seconds.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
        /// Language of what is spoken, such as `de`.
        pub language: Option<String>,
        /// Parameters of services.
        pub provider_options: Option<MediaProviderOptions>,
        /// Older form of `providerOptions.deepgram`.
        pub deepgram: Option<Deepgram>,
        /// Address of the service.
        pub base_url: Option<String>,
        /// Extra HTTP headers.
        pub headers: Option<BTreeMap<String, String>>,
        /// Which files of a message are taken.
        pub attachments: Option<Attachments>,
        /// Models, tried in order.
        pub models: Option<Vec<MediaModel>>,
    }
}

section! {
    /// Older parameters of Deepgram.
    pub struct Deepgram {
        /// Find out the language.
        pub detect_language: Option<bool>,
        /// Put in punctuation.
        pub punctuate: Option<bool>,
        /// Write numbers and dates as usual.
        pub smart_format: Option<bool>,
    }
}

section! {
    /// Which files of a message are taken.
    pub struct Attachments {
        /// One of them, or all. Default: first.
        pub mode: Option<AttachmentMode>,
        /// Most files. Default: 1.
        #[schemars(range(min = 1))]
        pub max_attachments: Option<u32>,
        /// Which comes first. Default: first.
        pub prefer: Option<AttachmentPreference>,
    }
}

choice! {
    /// How many files of a message are taken.
    pub enum AttachmentMode {
        /// One.
        First = "first",
        /// All, up to the limit.
        All = "all",
    }
}

choice! {
    /// Which file of a message comes first.
    pub enum AttachmentPreference {
        /// The first.
        First = "first",
        /// The last.
        Last = "last",
        /// One that is stored here.
        Path = "path",
        /// One that has an address.
        Url = "url",
    }
}

section! {
    /// One model, or one program, that understands media.
    pub struct MediaModel {
        /// The service, such as `openai`, `groq` or `deepgram`.
        pub provider: Option<String>,
        /// Its model.
        pub model: Option<String>,
        /// What it understands. Default: what the service is known for.
        pub capabilities: Option<Vec<MediaCapability>>,
        /// A service, or a program on this machine. Default: provider, or cli when there is a
        /// command.
        #[serde(rename = "type")]
        pub kind: Option<MediaModelKind>,
        /// The program.
        pub command: Option<String>,
        /// Its arguments; `{{MediaPath}}`, `{{Prompt}}` and others are filled in.
        pub args: Option<Vec<String>>,
        /// What it is asked.
        pub prompt: Option<String>,
        /// Longest description, in characters.
        #[schemars(range(min = 1))]
        pub max_chars: Option<u64>,
        /// Largest file, in bytes.
        #[schemars(range(min = 1))]
        pub max_bytes: Option<u64>,
        /// Longest time for one file, in seconds.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
        /// Language of what is spoken.
        pub language: Option<String>,
        /// Parameters of services.
        pub provider_options: Option<MediaProviderOptions>,
        /// Older form of `providerOptions.deepgram`.
        pub deepgram: Option<Deepgram>,
        /// Address of the service.
        pub base_url: Option<String>,
        /// Extra HTTP headers.
        pub headers: Option<BTreeMap<String, String>>,
        /// The credential to use, and no other.
        pub profile: Option<String>,
        /// The credential tried first.
        pub preferred_profile: Option<String>,
    }
}

choice! {
    /// A kind of media.
    pub enum MediaCapability {
        /// Pictures.
        Image = "image",
        /// Sound.
        Audio = "audio",
        /// Video.
        Video = "video",
    }
}

choice! {
    /// What understands media.
    pub enum MediaModelKind {
        /// A service.
        Provider = "provider",
        /// A program on this machine.
        Cli = "cli",
    }
}

section! {
    /// Understanding pages behind links that people send.
    pub struct Links {
        /// Whether to do so. Default: true when there are models.
        pub enabled: Option<bool>,
        /// The conversations in which it is done.
        pub scope: Option<SendPolicy>,
        /// Most links of one message. Default: 3.
        #[schemars(range(min = 1))]
        pub max_links: Option<u32>,
        /// Longest time for one link, in seconds. Default: 30.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
        /// Programs that read a page, tried in order.
        pub models: Option<Vec<LinkModel>>,
    }
}

section! {
    /// A program that reads a page.
    pub struct LinkModel {
        required {
            /// The program.
            pub command: String,
        }
        /// Always a program.
        #[serde(rename = "type")]
        pub kind: Option<LinkModelKind>,
        /// Its arguments; `{{LinkUrl}}` and others are filled in.
        pub args: Option<Vec<String>>,
        /// Longest time, in seconds.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
    }
}

choice! {
    /// What reads a page.
    pub enum LinkModelKind {
        /// A program on this machine.
        Cli = "cli",
    }
}

section! {
    /// Files that people send.
    pub struct Media {
        /// Keep the names under which files were sent. Default: false.
        pub preserve_filenames: Option<bool>,
    }
}

section! {
    /// Older settings for sound.
    pub struct Audio {
        /// Older form of `tools.media.audio.models`.
        pub transcription: Option<Transcription>,
    }
}

section! {
    /// A program that writes down what is spoken. Use `tools.media.audio.models` instead.
    pub struct Transcription {
        /// The program and its arguments.
        #[schemars(length(min = 1))]
        pub command: Option<Vec<String>>,
        /// Longest time for one file, in seconds.
        #[schemars(range(min = 1))]
        pub timeout_seconds: Option<u64>,
    }
}
