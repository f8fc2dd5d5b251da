//! People, and the entries of lists that mean them.

use moltbot_config::schema::Id;

/// Who wrote a message. Only names that a channel gives to one person at a time stand here: a display name, which anybody
/// can choose, opens nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The channel's own id: a number, a user id, an address.
    pub id: String,
    /// Other names for the same person that the channel vouches for: a phone number, a user name, a chat id.
    pub handles: Vec<String>,
    /// Whether it is the account's own person (their own number).
    pub is_self: bool,
}

impl Sender {
    /// Somebody with this id.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            handles: Vec::new(),
            is_self: false,
        }
    }

    /// The same with another name that the channel vouches for.
    #[must_use]
    pub fn with_handle(mut self, handle: impl Into<String>) -> Self {
        self.handles.push(handle.into());
        self
    }

    /// All names, plain.
    fn names<'a>(&'a self, channel: &'a str) -> impl Iterator<Item = String> + 'a {
        let names = std::iter::once(&self.id).chain(&self.handles);
        names.map(move |name| plain(channel, name))
    }
}

/// A list of people as the owner wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct People {
    names: Vec<String>,
    /// `*` stands in it.
    everybody: bool,
}

impl People {
    /// Reads a list of a channel's settings.
    pub(super) fn new<'a>(channel: &str, entries: impl IntoIterator<Item = &'a Id>) -> Self {
        let mut people = Self::default();
        for entry in entries {
            let entry = entry.to_string();
            match entry.trim() {
                "" => {}
                "*" => people.everybody = true,
                name => people.names.push(plain(channel, name)),
            }
        }
        people
    }

    /// Adds names that are people for certain: `*` means nobody here.
    pub(super) fn with_names(mut self, channel: &str, names: &[String]) -> Self {
        let names = names.iter().map(|name| plain(channel, name));
        self.names.extend(names.filter(|name| name != "*"));
        self
    }

    /// Whether the list says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.everybody
    }

    /// Whether it holds `*`.
    pub(super) fn is_everybody(&self) -> bool {
        self.everybody
    }

    /// Whether it names a sender, `*` aside.
    pub(super) fn names(&self, channel: &str, sender: &Sender) -> bool {
        sender
            .names(channel)
            .any(|name| !name.is_empty() && self.names.contains(&name))
    }

    /// Whether it lets a sender in.
    pub(super) fn admits(&self, channel: &str, sender: &Sender) -> bool {
        self.everybody || self.names(channel, sender)
    }
}

/// A name in the form in which names are compared: without the channel's prefix and `@`, in lower case; phone numbers
/// with their digits alone, behind a `+`.
pub(super) fn plain(channel: &str, name: &str) -> String {
    let mut name = name.trim().to_lowercase();
    let short: &[&str] = match channel {
        "telegram" => &["telegram:", "tg:"],
        "discord" => &["discord:", "user:"],
        "slack" => &["slack:", "user:"],
        "signal" => &["signal:"],
        "whatsapp" => &["whatsapp:"],
        "imessage" => &["imessage:"],
        "googlechat" => &["googlechat:", "google-chat:"],
        "msteams" => &["msteams:", "user:"],
        _ => &[],
    };
    if let Some(rest) = short.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        name = rest.trim().to_owned();
    }
    if let Some(user) = name.strip_suffix("@s.whatsapp.net") {
        // A linked device writes as <number>:<device>@s.whatsapp.net.
        name = format!("+{}", user.split(':').next().unwrap_or(user));
    }
    let name = name.strip_prefix('@').unwrap_or(&name);
    match phone_number(channel, name) {
        Some(number) => number,
        None => name.to_owned(),
    }
}

/// `+49 170 123-45` as `+4917012345`, on channels whose people have numbers.
fn phone_number(channel: &str, name: &str) -> Option<String> {
    let has_numbers = matches!(channel, "whatsapp" | "signal" | "imessage" | "bluebubbles");
    let is_number = name
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')' | '.'));
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    (has_numbers && is_number && digits.len() >= 5).then(|| format!("+{digits}"))
}
