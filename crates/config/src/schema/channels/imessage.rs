//! `channels.imessage`.

use std::collections::BTreeMap;

use super::block::Group;

channel! {
    /// iMessage, on a Mac, through the program `imsg`.
    pub struct IMessage: Senders + Accounts {
        /// Names of features.
        pub capabilities: Option<Vec<String>>,
        /// The program. Default: imsg.
        pub cli_path: Option<String>,
        /// The Mac's message database. Default: found by the program.
        pub db_path: Option<String>,
        /// The Mac, when it is another machine: files are fetched from there with scp.
        pub remote_host: Option<String>,
        /// How messages are sent. Default: auto.
        pub service: Option<IMessageService>,
        /// Country of phone numbers without one. Default: US.
        pub region: Option<String>,
        /// Take files. Default: false.
        pub include_attachments: Option<bool>,
        /// Groups by id. When not empty, only these are answered; `*` stands for all others.
        pub groups: Option<BTreeMap<String, Group>>,
    }
}

choice! {
    /// How messages are sent from a Mac.
    pub enum IMessageService {
        /// As iMessage.
        Imessage = "imessage",
        /// As SMS.
        Sms = "sms",
        /// As the Mac decides.
        Auto = "auto",
    }
}
