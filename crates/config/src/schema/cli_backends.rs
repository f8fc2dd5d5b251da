//! `agents.defaults.cliBackends`: command-line programs that answer in place of a model server.

use std::collections::BTreeMap;

section! {
    /// A command-line program that answers in place of a model server. Text only, no tools.
    pub struct CliBackend {
        required {
            /// The program to run.
            pub command: String,
        }
        /// Its arguments.
        pub args: Option<Vec<String>>,
        /// What it prints. Default: json.
        pub output: Option<CliOutput>,
        /// What it prints when a conversation goes on. Default: the same as `output`.
        pub resume_output: Option<CliOutput>,
        /// How it takes the question. Default: arg.
        pub input: Option<CliInput>,
        /// Longest question passed as an argument, in characters; longer ones go to its input.
        #[schemars(range(min = 1))]
        pub max_prompt_arg_chars: Option<u64>,
        /// Environment variables set for it.
        pub env: Option<BTreeMap<String, String>>,
        /// Environment variables taken away from it.
        pub clear_env: Option<Vec<String>>,
        /// Argument before the model's name.
        pub model_arg: Option<String>,
        /// Its own names for models.
        pub model_aliases: Option<BTreeMap<String, String>>,
        /// Argument before the conversation's id.
        pub session_arg: Option<String>,
        /// Arguments that name the conversation.
        pub session_args: Option<Vec<String>>,
        /// Arguments that continue a conversation; `{sessionId}` stands for its id.
        pub resume_args: Option<Vec<String>>,
        /// When the conversation's id is passed.
        pub session_mode: Option<CliSessionMode>,
        /// Fields of its output in which the conversation's id is looked for.
        pub session_id_fields: Option<Vec<String>>,
        /// Argument before the system prompt.
        pub system_prompt_arg: Option<String>,
        /// Whether the system prompt is added to its own or replaces it.
        pub system_prompt_mode: Option<CliSystemPromptMode>,
        /// When the system prompt is passed.
        pub system_prompt_when: Option<CliSystemPromptWhen>,
        /// Argument before a picture's path.
        pub image_arg: Option<String>,
        /// How several pictures are passed.
        pub image_mode: Option<CliImageMode>,
        /// Run one at a time.
        pub serialize: Option<bool>,
    }
}

choice! {
    /// What a program prints.
    pub enum CliOutput {
        /// One JSON value.
        Json = "json",
        /// Plain text.
        Text = "text",
        /// One JSON value a line.
        Jsonl = "jsonl",
    }
}

choice! {
    /// How a program takes the question.
    pub enum CliInput {
        /// As its last argument.
        Arg = "arg",
        /// On its standard input.
        Stdin = "stdin",
    }
}

choice! {
    /// When a conversation's id is passed.
    pub enum CliSessionMode {
        /// Always.
        Always = "always",
        /// Once the program has given one.
        Existing = "existing",
        /// Never.
        None = "none",
    }
}

choice! {
    /// What happens to a program's own system prompt.
    pub enum CliSystemPromptMode {
        /// Ours is added.
        Append = "append",
        /// Ours replaces it.
        Replace = "replace",
    }
}

choice! {
    /// When the system prompt is passed.
    pub enum CliSystemPromptWhen {
        /// With the first message of a conversation.
        First = "first",
        /// With every message.
        Always = "always",
        /// Never.
        Never = "never",
    }
}

choice! {
    /// How several pictures are passed.
    pub enum CliImageMode {
        /// The argument is repeated.
        Repeat = "repeat",
        /// One argument, then all paths.
        List = "list",
    }
}
