//! How an answer is cut into blocks while it is written.

section! {
    /// How long the blocks of an answer are, in characters.
    pub struct BlockStreamingChunk {
        /// Shortest block. Default: 800.
        #[schemars(range(min = 1))]
        pub min_chars: Option<u32>,
        /// Longest block. Default: 1200, at most what the channel takes.
        #[schemars(range(min = 1))]
        pub max_chars: Option<u32>,
        /// Where to cut if possible. Default: paragraph.
        pub break_preference: Option<BreakPreference>,
    }
}

choice! {
    /// Where text is cut if possible.
    pub enum BreakPreference {
        /// At a blank line.
        Paragraph = "paragraph",
        /// At the end of a line.
        Newline = "newline",
        /// At the end of a sentence.
        Sentence = "sentence",
    }
}

choice! {
    /// When a block is sent.
    pub enum BlockStreamingBreak {
        /// At the end of each piece of text, before a tool runs.
        TextEnd = "text_end",
        /// At the end of the whole message.
        MessageEnd = "message_end",
    }
}

section! {
    /// Joining short blocks into one message.
    pub struct BlockStreamingCoalesce {
        /// Characters to wait for.
        #[schemars(range(min = 1))]
        pub min_chars: Option<u32>,
        /// Characters at which it is sent in any case.
        #[schemars(range(min = 1))]
        pub max_chars: Option<u32>,
        /// Milliseconds of silence after which it is sent. Default: 1000.
        pub idle_ms: Option<u64>,
    }
}

section! {
    /// Waiting between blocks as a person would.
    pub struct HumanDelay {
        /// How long to wait. Default: off.
        pub mode: Option<HumanDelayMode>,
        /// Shortest wait in custom mode, in milliseconds. Default: 800.
        pub min_ms: Option<u64>,
        /// Longest wait in custom mode, in milliseconds. Default: 2500.
        pub max_ms: Option<u64>,
    }
}

choice! {
    /// How long to wait between blocks.
    pub enum HumanDelayMode {
        /// Not at all.
        Off = "off",
        /// 0.8 to 2.5 seconds.
        Natural = "natural",
        /// Between `minMs` and `maxMs`.
        Custom = "custom",
    }
}
